"""Run where the page Problems is shown."""

from explorer.pages.problems import page

page()
