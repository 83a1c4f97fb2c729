"""The restore drill: proves every month that recovery works, and how long it takes."""
