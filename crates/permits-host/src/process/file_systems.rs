//! Kinds of file systems, by the numbers of linux/magic.h and of those that are no part of Linux.

/// tmpfs, in which nothing outlasts a boot.
pub(crate) const TMPFS: u64 = 0x0102_1994;

/// The name of a file system that will not do: memory or locks are not shared by all who see a file of it.
pub(crate) fn foreign(kind: u64) -> Option<&'static str> {
    Some(match kind {
        0x794c_7630 => "overlayfs (the layers of a container: mount a volume)",
        0x6175_6673 => "aufs",
        0xf15f => "eCryptfs",
        0x6969 => "NFS",
        0x517b | 0xff53_4d42 | 0xfe53_4d42 => "SMB",
        0x0102_1997 => "9p",
        0x6573_5546 => "FUSE",
        0x00c3_6400 => "Ceph",
        0x5346_414f | 0x6b41_4653 => "AFS",
        0x7375_7245 => "Coda",
        0x0bd0_0bd0 => "Lustre",
        0x4750_4653 => "GPFS",
        0x1983_0326 => "BeeGFS",
        0x2003_0528 => "OrangeFS",
        0x786f_4256 => "vboxsf",
        0x0161_1970 | 0x7461_636f => "a cluster file system",
        _ => return None,
    })
}

/// What a file system of this host is called, as in the table of mounts. Of one that has no name here, the
/// number.
pub(crate) fn local(kind: u64) -> String {
    let name = match kind {
        0xef53 => "ext2, ext3 or ext4",
        TMPFS => "tmpfs",
        0x8584_58f6 => "ramfs",
        0x9123_683e => "btrfs",
        0x5846_5342 => "xfs",
        0x2fc1_2fc1 => "zfs",
        0xca45_1a4e => "bcachefs",
        0xf2f5_2010 => "f2fs",
        0x5265_4973 => "reiserfs",
        0x3153_464a => "jfs",
        0x3434 => "nilfs",
        0x4d44 => "vfat",
        0x2011_bab0 => "exfat",
        0x7366_746e => "ntfs3",
        0x9fa0 => "proc",
        0x6265_6572 => "sysfs",
        0x0027_e0eb => "cgroup",
        0x6367_7270 => "cgroup2",
        0x7371_7368 => "squashfs",
        0xe0f5_e1e2 => "erofs",
        0x9660 => "iso9660",
        0x9584_58f6 => "hugetlbfs",
        _ => return format!("{kind:#x}"),
    };
    name.to_owned()
}

#[cfg(all(test, not(permits_loom)))]
mod tests {
    use super::{foreign, local};

    #[test]
    fn a_file_system_has_its_name_and_one_without_a_name_its_number() {
        assert_eq!([local(0xef53), local(0x5846_5342)], ["ext2, ext3 or ext4", "xfs"]);
        assert_eq!((local(0x1234_5678), foreign(0x1234_5678)), ("0x12345678".to_owned(), None));
        assert_eq!((foreign(0x6969), foreign(0xef53)), (Some("NFS"), None));
    }
}
