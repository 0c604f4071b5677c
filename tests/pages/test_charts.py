"""What a page sends of a panel."""

import json

from streamlit.testing.v1 import AppTest

from explorer.figures.plot import INK


def script():
    from explorer.figures.panel import Axis, Line, Panel, Row
    from explorer.figures.style import Stroke
    from explorer.pages.shell import charts

    panel = Panel(Axis("step", 0, 2), [Row("z", [Line([0, 1], [2, 3], Stroke("#112233"))])])
    charts.show(panel, key="z", alt="a line", config={"displaylogo": False})


def test_a_panel_arrives_in_the_ink_of_the_theme_with_its_config_and_its_words_for_the_blind():
    (chart,) = AppTest.from_function(script).run().get("plotly_chart")
    sent = json.loads(chart.proto.spec)
    assert sent["data"][0]["line"]["color"] == "#112233"
    assert sent["layout"]["font"]["color"] == INK
    assert sent["layout"]["template"]["layout"]  # which Streamlit's page fills in by the theme
    assert (json.loads(chart.proto.config), chart.proto.alt) == ({"displaylogo": False}, "a line")
