"""Run where the page Series is shown."""

from explorer.pages.series import page

page()
