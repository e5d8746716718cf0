"""The end of an interpreter, and interpreters beside the main one."""
