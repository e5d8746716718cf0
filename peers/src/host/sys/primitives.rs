//! What the system offers to processes that want to exclude each other.

use std::ffi::CString;
use std::fs::File;
use std::io;
use std::os::fd::{AsRawFd, FromRawFd};
use std::sync::atomic::{AtomicU32, Ordering};

use super::process::Mapping;
use super::uninterrupted;

/// A POSIX semaphore that was opened by a name. Processes started afterwards inherit its mapping, and its name is gone.
pub struct NamedSemaphore(*mut libc::sem_t);

impl NamedSemaphore {
    pub fn new(permits: u32) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = CString::new(format!("/peers-{}-{number}", std::process::id())).expect("no zeroes in it");
        let flags = libc::O_CREAT | libc::O_EXCL;
        // SAFETY: the name ends in a zero; mode and value are what O_CREAT asks for.
        let semaphore = unsafe { libc::sem_open(name.as_ptr(), flags, 0o600 as libc::mode_t, permits) };
        assert!(semaphore != libc::SEM_FAILED, "sem_open: {}", io::Error::last_os_error());
        // SAFETY: as above.
        unsafe { libc::sem_unlink(name.as_ptr()) };
        Self(semaphore)
    }

    pub fn wait(&self) {
        // SAFETY: opened in `new`, closed in `drop`.
        uninterrupted("sem_wait", || unsafe { libc::sem_wait(self.0) });
    }

    pub fn post(&self) {
        // SAFETY: as above.
        unsafe { libc::sem_post(self.0) };
    }
}

impl Drop for NamedSemaphore {
    fn drop(&mut self) {
        // SAFETY: opened in `new`, and nobody of this process uses it any more.
        unsafe { libc::sem_close(self.0) };
    }
}

/// A pthread mutex in shared memory that is passed on when its owner dies.
pub struct RobustMutex(Mapping);

impl RobustMutex {
    pub fn new() -> Self {
        let mapping = Mapping::new(512);
        let mut attributes = std::mem::MaybeUninit::<libc::pthread_mutexattr_t>::uninit();
        // SAFETY: the attributes are made before they are used, and the mutex lies in zeroed memory of its own, aligned
        // to a page.
        unsafe {
            let attributes = attributes.as_mut_ptr();
            assert_eq!(libc::pthread_mutexattr_init(attributes), 0);
            assert_eq!(libc::pthread_mutexattr_setpshared(attributes, libc::PTHREAD_PROCESS_SHARED), 0);
            assert_eq!(libc::pthread_mutexattr_setrobust(attributes, libc::PTHREAD_MUTEX_ROBUST), 0);
            assert_eq!(libc::pthread_mutex_init(mapping.place(), attributes), 0);
        }
        Self(mapping)
    }

    pub fn lock(&self) {
        // SAFETY: made in `new`, and mapped as long as `self`.
        match unsafe { libc::pthread_mutex_lock(self.0.place()) } {
            0 => {}
            // SAFETY: as above, and this thread has just got it.
            libc::EOWNERDEAD => assert_eq!(unsafe { libc::pthread_mutex_consistent(self.0.place()) }, 0),
            error => panic!("pthread_mutex_lock: {}", io::Error::from_raw_os_error(error)),
        }
    }

    pub fn unlock(&self) {
        // SAFETY: as above; a robust mutex that is not ours refuses.
        assert_eq!(unsafe { libc::pthread_mutex_unlock(self.0.place()) }, 0, "the lock is ours");
    }
}

/// A System V semaphore.
pub struct SystemV {
    id: libc::c_int,
    flags: libc::c_short,
}

impl SystemV {
    /// With `undo`, the kernel undoes what a process did when it ends.
    pub fn new(permits: u32, undo: bool) -> Self {
        // SAFETY: no pointers.
        let id = unsafe { libc::semget(libc::IPC_PRIVATE, 1, 0o600) };
        assert!(id >= 0, "semget: {}", io::Error::last_os_error());
        // SAFETY: SETVAL takes the value as it is.
        let set = unsafe { libc::semctl(id, 0, libc::SETVAL, permits.cast_signed()) };
        assert_eq!(set, 0, "semctl: {}", io::Error::last_os_error());
        Self { id, flags: if undo { libc::SEM_UNDO as libc::c_short } else { 0 } }
    }

    fn change(&self, by: libc::c_short) {
        let mut act = libc::sembuf { sem_num: 0, sem_op: by, sem_flg: self.flags };
        // SAFETY: one act, and it is valid.
        uninterrupted("semop", || unsafe { libc::semop(self.id, &raw mut act, 1) });
    }

    pub fn wait(&self) {
        self.change(-1);
    }

    pub fn post(&self) {
        self.change(1);
    }
}

impl Drop for SystemV {
    fn drop(&mut self) {
        // SAFETY: no pointers.
        unsafe { libc::semctl(self.id, 0, libc::IPC_RMID) };
    }
}

/// A counter in the kernel, as a semaphore.
pub struct EventFd(pub File);

impl EventFd {
    pub fn new(permits: u32) -> Self {
        // SAFETY: no pointers.
        let fd = unsafe { libc::eventfd(permits, libc::EFD_SEMAPHORE | libc::EFD_CLOEXEC) };
        assert!(fd >= 0, "eventfd: {}", io::Error::last_os_error());
        // SAFETY: the kernel has just made it, and nobody else has it.
        Self(unsafe { File::from_raw_fd(fd) })
    }
}

fn change_description(file: &File, kind: libc::c_int) {
    let mut lock = libc::flock {
        l_type: kind as libc::c_short,
        l_whence: libc::SEEK_SET as libc::c_short,
        l_start: 0,
        l_len: 1,
        l_pid: 0,
    };
    // SAFETY: `lock` is valid, and the descriptor is open as long as the borrow.
    uninterrupted("fcntl", || unsafe { libc::fcntl(file.as_raw_fd(), libc::F_OFD_SETLKW, &raw mut lock) });
}

/// Locks the first byte for the open file description.
pub fn lock_description(file: &File) {
    change_description(file, libc::F_WRLCK);
}

pub fn unlock_description(file: &File) {
    change_description(file, libc::F_UNLCK);
}
