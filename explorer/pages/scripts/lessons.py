"""Run where the page Lessons is shown."""

from explorer.pages.lessons import page

page()
