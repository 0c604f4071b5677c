"""Run where the page Cell is shown."""

from explorer.pages.cell import page

page()
