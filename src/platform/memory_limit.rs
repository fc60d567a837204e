//! How much memory the control groups of this process leave to it, cgroups(7). Beyond that the kernel
//! kills it without a word, so whoever needs much looks first.

use std::fs;
use std::path::{Path, PathBuf};

/// The bytes that are left below the limits of this process's groups; `None` where there is no
/// limit, or none that is told.
#[must_use]
pub fn memory_left() -> Option<u64> {
    let read = |path: &Path| fs::read_to_string(path).ok();
    let groups = read(Path::new("/proc/self/cgroup"))?;
    let mounts = read(Path::new("/proc/self/mountinfo"))?;
    left(&groups, &mounts, &read)
}

fn left(groups: &str, mounts: &str, read: &dyn Fn(&Path) -> Option<String>) -> Option<u64> {
    let mounts: Vec<Mount<'_>> = mounts.lines().filter_map(Mount::parse).collect();
    let left = groups.lines().filter_map(|line| {
        // `0::/user.slice`, or `4:memory:/user.slice` of version 1.
        let (_, line) = line.split_once(':')?;
        let (controllers, group) = line.split_once(':')?;
        let version = match controllers {
            "" => &V2,
            _ if controllers.split(',').any(|name| name == "memory") => &V1,
            _ => return None,
        };
        let mount = mounts.iter().find(|mount| mount.is_of(version))?;
        // A limit of a group further up holds as well.
        let folder = mount.folder_of(group);
        let folders = folder.ancestors();
        folders
            .take_while(|folder| folder.starts_with(mount.point))
            .filter_map(|folder| version.left_in(folder, read))
            .min()
    });
    left.min()
}

/// Where a hierarchy of groups is mounted, proc_pid_mountinfo(5).
struct Mount<'a> {
    root: &'a str,
    point: &'a str,
    kind: &'a str,
    options: &'a str,
}

impl<'a> Mount<'a> {
    fn parse(line: &'a str) -> Option<Self> {
        let (mount, file_system) = line.split_once(" - ")?;
        let mut fields = mount.split(' ').skip(3);
        let (root, point) = (fields.next()?, fields.next()?);
        let mut fields = file_system.split(' ');
        Some(Self {
            root,
            point,
            kind: fields.next()?,
            options: fields.nth(1)?,
        })
    }

    fn is_of(&self, version: &Version) -> bool {
        self.kind == version.kind
            && (version.kind == V2.kind || self.options.split(',').any(|name| name == "memory"))
    }

    /// The folder of a group; that of the mount for one that is not told where it is, as in some
    /// containers.
    fn folder_of(&self, group: &str) -> PathBuf {
        let below = Path::new(group).strip_prefix(self.root);
        Path::new(self.point).join(below.unwrap_or(Path::new("")))
    }
}

/// The files of a group in a version of the interface.
struct Version {
    kind: &'static str,
    /// What it may use, the lowest of which holds, and what it uses.
    memory: (&'static [&'static str], &'static str),
    /// The same of swap space.
    swap: (&'static str, &'static str),
    /// Whether those of swap space count the memory as well.
    swap_is_both: bool,
    /// The lines of `memory.stat` about what the kernel can take back from it.
    reclaimable: &'static [&'static str],
}

const V2: Version = Version {
    kind: "cgroup2",
    // Beyond `high` it is not killed but all but stopped.
    memory: (&["memory.max", "memory.high"], "memory.current"),
    swap: ("memory.swap.max", "memory.swap.current"),
    swap_is_both: false,
    reclaimable: &["inactive_file", "active_file", "slab_reclaimable"],
};

const V1: Version = Version {
    kind: "cgroup",
    memory: (&["memory.limit_in_bytes"], "memory.usage_in_bytes"),
    swap: ("memory.memsw.limit_in_bytes", "memory.memsw.usage_in_bytes"),
    swap_is_both: true,
    reclaimable: &["total_inactive_file", "total_active_file"],
};

/// Version 1 says a number like this for "no limit".
const NO_LIMIT: u64 = 1 << 60;

impl Version {
    fn left_in(&self, folder: &Path, read: &dyn Fn(&Path) -> Option<String>) -> Option<u64> {
        let text = |name: &str| read(&folder.join(name));
        let number = |name: &str| text(name)?.trim().parse::<u64>().ok();
        let limit = |name: &str| number(name).filter(|limit| *limit < NO_LIMIT);

        let most = self.memory.0.iter().filter_map(|name| limit(name)).min()?;
        let stat = text("memory.stat").unwrap_or_default();
        let reclaimable: u64 = stat
            .lines()
            .filter_map(|line| line.split_once(' '))
            .filter(|(name, _)| self.reclaimable.contains(name))
            .filter_map(|(_, bytes)| bytes.trim().parse::<u64>().ok())
            .sum();
        let used = number(self.memory.1)
            .unwrap_or(0)
            .saturating_sub(reclaimable);
        let memory = most.saturating_sub(used);

        // What the machine has, unless the group may use less.
        let free = swap_free(read);
        let swap_used = number(self.swap.1).unwrap_or(0);
        Some(match limit(self.swap.0) {
            None => memory.saturating_add(free),
            Some(both) if self.swap_is_both => {
                let both = both.saturating_sub(swap_used.saturating_sub(reclaimable));
                both.min(memory.saturating_add(free))
            }
            Some(swap) => memory.saturating_add(free.min(swap.saturating_sub(swap_used))),
        })
    }
}

/// The swap space of the machine that is not used, in bytes, proc_meminfo(5).
fn swap_free(read: &dyn Fn(&Path) -> Option<String>) -> u64 {
    let meminfo = read(Path::new("/proc/meminfo")).unwrap_or_default();
    let line = meminfo
        .lines()
        .find_map(|line| line.strip_prefix("SwapFree:"));
    let kib = line.and_then(|line| line.trim().strip_suffix(" kB")?.parse::<u64>().ok());
    kib.unwrap_or(0).saturating_mul(1024)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    const MIB: u64 = 1 << 20;
    const V2_MOUNT: &str = "30 23 0:26 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw\n";
    const V1_MOUNT: &str = "35 31 0:32 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n";

    /// What is left in these groups, with files in MiB, `-1` being `max`.
    fn left_with(groups: &str, mounts: &str, files: &[(&str, i64)]) -> Option<u64> {
        let files: BTreeMap<PathBuf, String> = files
            .iter()
            .map(|(path, mib)| {
                let text = match path.split_once(" ") {
                    Some((_, line)) => format!("anon 1\n{line} {}\n", *mib as u64 * MIB),
                    None if *path == "/proc/meminfo" => format!("SwapFree: {} kB\n", mib * 1024),
                    None if *mib < 0 => "max\n".to_owned(),
                    None => format!("{}\n", *mib as u64 * MIB),
                };
                (path.split(' ').next().unwrap_or(path).into(), text)
            })
            .collect();
        left(groups, mounts, &|path| files.get(path).cloned()).map(|bytes| bytes / MIB)
    }

    #[test]
    fn the_lowest_limit_on_the_way_up_holds() {
        let groups = "0::/a/b\n";
        let own = ("/sys/fs/cgroup/a/b/memory.max", 512);
        let parents = ("/sys/fs/cgroup/a/memory.max", 128);
        let none = ("/sys/fs/cgroup/a/b/memory.max", -1);
        let left = |files: &[_]| left_with(groups, V2_MOUNT, files);
        assert_eq!(left(&[]), None);
        assert_eq!(left(&[none]), None);
        assert_eq!(left(&[own]), Some(512));
        assert_eq!(left(&[own, parents]), Some(128));
        assert_eq!(left(&[none, parents]), Some(128));
        // Beyond `high` nothing gets on.
        let high = ("/sys/fs/cgroup/a/b/memory.high", 64);
        assert_eq!(left(&[own, high]), Some(64));
        assert_eq!(left(&[none, high]), Some(64));
    }

    #[test]
    fn what_others_use_is_not_left_but_what_can_be_taken_back_is() {
        let left = |files: &[_]| left_with("0::/\n", V2_MOUNT, files);
        let most = ("/sys/fs/cgroup/memory.max", 512);
        let used = ("/sys/fs/cgroup/memory.current", 400);
        let cache = ("/sys/fs/cgroup/memory.stat inactive_file", 300);
        assert_eq!(left(&[most, used]), Some(112));
        assert_eq!(left(&[most, used, cache]), Some(412));
    }

    #[test]
    fn swap_counts_as_far_as_there_is_some_and_the_group_may_use_it() {
        let left = |files: &[_]| left_with("0::/\n", V2_MOUNT, files);
        let most = ("/sys/fs/cgroup/memory.max", 128);
        let machine = ("/proc/meminfo", 1024);
        let swap = |mib| ("/sys/fs/cgroup/memory.swap.max", mib);
        let used = ("/sys/fs/cgroup/memory.swap.current", 50);
        assert_eq!(left(&[most, machine]), Some(1152));
        assert_eq!(left(&[most, machine, swap(-1)]), Some(1152));
        assert_eq!(left(&[most, machine, swap(0)]), Some(128));
        assert_eq!(left(&[most, machine, swap(200), used]), Some(278));
        assert_eq!(left(&[most, swap(200)]), Some(128), "there is none");
    }

    #[test]
    fn version_1_and_a_group_that_a_container_sees_as_the_root() {
        let groups = "5:cpu:/other\n4:memory:/docker/1234\n0::/\n";
        let mounts = format!("{V2_MOUNT}{V1_MOUNT}");
        let limit = (
            "/sys/fs/cgroup/memory/docker/1234/memory.limit_in_bytes",
            128,
        );
        let both = (
            "/sys/fs/cgroup/memory/docker/1234/memory.memsw.limit_in_bytes",
            160,
        );
        let swap = ("/proc/meminfo", 1024);
        assert_eq!(left_with(groups, &mounts, &[limit]), Some(128));
        assert_eq!(left_with(groups, &mounts, &[limit, swap]), Some(1152));
        assert_eq!(left_with(groups, &mounts, &[limit, swap, both]), Some(160));
        // The group is mounted as if it were all.
        let mount = V1_MOUNT.replace(" / ", " /docker/1234 ");
        let limit = ("/sys/fs/cgroup/memory/memory.limit_in_bytes", 128);
        assert_eq!(left_with(groups, &mount, &[limit]), Some(128));
        // Or it has a path that leads nowhere here.
        let groups = "0::/../../outside\n";
        let limit = ("/sys/fs/cgroup/memory.max", 128);
        assert_eq!(left_with(groups, V2_MOUNT, &[limit]), Some(128));
        // Version 1 has a number for "no limit".
        let none = (
            "/sys/fs/cgroup/memory/memory.limit_in_bytes",
            i64::MAX / MIB as i64,
        );
        assert_eq!(left_with("4:memory:/\n", V1_MOUNT, &[none]), None);
    }
}
