"""Run where the page Gates is shown."""

from explorer.pages.gates import page

page()
