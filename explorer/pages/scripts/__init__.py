"""What Streamlit runs for each page, again with every click: as little as there can be."""
