"""Run where the page Gradients is shown."""

from explorer.pages.gradients import page

page()
