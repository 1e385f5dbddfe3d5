"""Makes the box a product and undoes it again; runs on the bare Python of the distribution."""
