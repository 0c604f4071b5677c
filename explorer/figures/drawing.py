"""Small drawings that need no script: SVG in the ink of the theme, with words under the pointer."""

from __future__ import annotations

from html import escape

WIDE_PX = 360


def drawn(inside: str, height_px: float, alt: str = "", width_px: float = WIDE_PX) -> str:
    """An SVG that is as wide as there is room, at most so many pixels.

    Args:
        inside: its elements; words in them are escaped.
        height_px: of the drawing at its full width.
        alt: what it shows, for those who cannot see it.
        width_px: its full width.

    """
    return (
        f'<svg viewBox="0 0 {width_px:g} {height_px:g}" width="100%" style="max-width:{width_px:g}px" role="img" '
        f'aria-label="{escape(alt)}" font-family="inherit" font-size="12.5" fill="currentColor">{inside}</svg>'
    )


def mark(form: int, x: float, y: float, colour: str, said: str = "", size: float = 3.2, opacity: float = 0.75) -> str:
    """A mark of the form of this number: circle, triangle, square or diamond.

    Args:
        form: which; after the last comes the first again.
        x: its middle.
        y: its middle.
        colour: of its edge, and of its ground.
        said: what stands under the pointer, escaped.
        size: half its width.
        opacity: of its ground; 0 leaves it open.

    """
    title, r = f"<title>{said}</title>" if said else "", size
    style = f'fill="{colour}" fill-opacity="{opacity:g}" stroke="{colour}"'
    forms = (
        f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{r}" {style}>{title}</circle>',
        f'<path d="M{x:.1f} {y - r:.1f}l{r} {1.8 * r:.1f}h-{2 * r}z" {style}>{title}</path>',
        f'<path d="M{x - r:.1f} {y - r:.1f}h{2 * r}v{2 * r}h-{2 * r}z" {style}>{title}</path>',
        f'<path d="M{x:.1f} {y - 1.3 * r:.1f}l{1.3 * r:.1f} {1.3 * r:.1f}l-{1.3 * r:.1f} {1.3 * r:.1f}'
        f'l-{1.3 * r:.1f} -{1.3 * r:.1f}z" {style}>{title}</path>',
    )
    return forms[form % len(forms)]
