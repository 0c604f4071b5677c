"""Run where the page Train is shown."""

from explorer.pages.train import page

page()
