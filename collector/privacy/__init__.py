"""What keeps a visitor from being known: the address cut, what names a person taken out, the keyed visitor number."""
