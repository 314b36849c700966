"""Pictures of networks, data and runs. Each module draws one kind of thing; none needs a network connection."""
