"""Values in the markup of a repository: Markdown, reStructuredText, HTML."""
