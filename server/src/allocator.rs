//! How the C library's allocator keeps memory.

/// Pages and row groups are some MiB each, come and go in the hundreds a second, and are freed by another thread than took them.
/// Left alone, glibc keeps a heap for each thread, and gives what is freed at the end of one back to the system at once, to ask
/// for it again a moment later. Measured (two cores, 40,000 objects of 768 dimensions): 83 MiB at the most instead of 65, and a
/// fifth more processor time. Small allocations have a cache in each thread, so that threads rarely wait for each other.
///
/// To be called before there are threads. Does nothing where the C library is another, or where its own variables say how it is
/// to be.
pub fn share_one_heap() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    {
        const ITS_OWN: [&str; 2] = ["MALLOC_ARENA_MAX", "GLIBC_TUNABLES"];

        if ITS_OWN.iter().any(|name| std::env::var_os(name).is_some()) {
            return;
        }
        /// The most that glibc takes: what is larger is mapped, and costs a page fault for each 4 KiB.
        const LARGEST_IN_HEAP: libc::c_int = 32 << 20;
        const KEPT_AT_THE_END: libc::c_int = 64 << 20;

        let settings = [
            (libc::M_ARENA_MAX, 1),
            (libc::M_MMAP_THRESHOLD, LARGEST_IN_HEAP),
            (libc::M_TRIM_THRESHOLD, KEPT_AT_THE_END),
        ];
        for (parameter, value) in settings {
            // A setting that is not taken leaves the allocator as it was, which is good enough.
            #[expect(unsafe_code, reason = "there is no other way to the allocator's settings")]
            // SAFETY: `mallopt` takes any value, and touches no memory but its own.
            let _ = unsafe { libc::mallopt(parameter, value) };
        }
    }
}
