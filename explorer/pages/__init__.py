"""The pages: controls, one library call, one figure. The only place besides app.py that knows streamlit."""
