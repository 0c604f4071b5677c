"""Facts about (model, text), as frozen dataclasses of CPU arrays; the model is left as it was found."""
