"""Run where the page Open is shown."""

from explorer.pages.open import page

page()
