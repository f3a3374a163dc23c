"""A model beside a variant of it on the same prompts and seeds: what it saves, and what that costs."""
