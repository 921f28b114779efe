//! This process's use of memory, CPU and file descriptors, from `/proc`.

use std::fs;

/// The unit of CPU times in `/proc`: Linux always shows programs 100 ticks a second (proc(5),
/// `sysconf(_SC_CLK_TCK)`).
const TICKS_PER_SECOND: f64 = 100.0;

/// The process's current use of resources; each field is `None` on systems without `/proc`.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct ProcessUse {
    /// Resident memory.
    pub resident_bytes: Option<f64>,
    /// CPU time since the process started, user and system.
    pub cpu_s: Option<f64>,
    /// Open file descriptors.
    pub open_fds: Option<f64>,
}

impl ProcessUse {
    /// Reads `/proc/self`.
    pub fn now() -> Self {
        let read = |file: &str| fs::read_to_string(format!("/proc/self/{file}")).ok();
        Self {
            resident_bytes: read("status").as_deref().and_then(resident_bytes),
            cpu_s: read("stat").as_deref().and_then(cpu_s),
            open_fds: fs::read_dir("/proc/self/fd")
                .ok()
                .map(|entries| entries.count() as f64),
        }
    }
}

/// The value of the line `VmRSS:     5432 kB`, in bytes.
fn resident_bytes(status: &str) -> Option<f64> {
    let value = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))?;
    Some(
        value
            .trim()
            .strip_suffix("kB")?
            .trim()
            .parse::<f64>()
            .ok()?
            * 1_024.0,
    )
}

/// The sum of fields 14 and 15, user and system time. Counts from the last closing parenthesis: the
/// second field is the program's name in parentheses, which may contain anything.
fn cpu_s(stat: &str) -> Option<f64> {
    let (_, after_name) = stat.rsplit_once(')')?;
    let mut fields = after_name
        .split_ascii_whitespace()
        .skip(11)
        .map(|field| field.parse::<f64>().ok());
    Some((fields.next()?? + fields.next()??) / TICKS_PER_SECOND)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_name_with_a_parenthesis_does_not_shift_the_fields() {
        let stat = "7 (a) b c) S 1 7 7 0 -1 4194560 100 0 0 0 150 50 0 0 20 0 1 0 100 1000 10";
        assert_eq!(cpu_s(stat), Some(2.0));
        for torn in ["", "7 (a", "7 (a) S 1 2"] {
            assert_eq!(cpu_s(torn), None, "{torn}");
        }
    }

    #[test]
    fn resident_memory_is_in_bytes() {
        assert_eq!(
            resident_bytes("Name:\tx\nVmRSS:\t    5432 kB\nThreads:\t1\n"),
            Some(5_432.0 * 1_024.0)
        );
        assert_eq!(resident_bytes("VmRSS: lots"), None);
    }
}
