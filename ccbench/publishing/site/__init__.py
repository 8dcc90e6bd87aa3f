"""Pages made of a board: templates, our scripts and style, and libraries as their authors published them."""
