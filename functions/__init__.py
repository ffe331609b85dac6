"""One deployed function per file: parse, call, answer."""
