"""The two incidents that Piekwacht was written after, as scripts that break the replica as was published."""
