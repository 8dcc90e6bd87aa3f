"""A folder that a static host serves: records, tables, pages, and a manifest of digests."""
