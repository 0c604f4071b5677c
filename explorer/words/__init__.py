"""Every sentence a person reads, made in one place from a rule's name and its figures; words know nothing of the rest."""
