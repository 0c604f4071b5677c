"""What all pages share: the session, links, pickers, texts, facts, notices and downloads."""
