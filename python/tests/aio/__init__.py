"""`permits.aio`, in the place of the semaphores of asyncio."""
