//! Packets that one system call can send (UDP generic segmentation offload): all of one size,
//! but for a shorter last one.

/// Longest content of one UDP send: less than UDP's own limit (RFC 768), because what is
/// given to the kernel at once leaves without a pause.
const MAX: usize = 20_000;

/// Packets, one behind the other, on their way into one system call.
#[derive(Debug)]
pub(crate) struct Burst {
    bytes: Vec<u8>,
    /// Most packets that the kernel takes at once.
    most: usize,
    size: usize,
    count: usize,
    complete: bool,
}

impl Burst {
    pub(crate) const fn new(most: usize) -> Self {
        Self {
            bytes: Vec::new(),
            most,
            size: 0,
            count: 0,
            complete: false,
        }
    }

    /// The kernel may have been seen to take fewer at once than it says.
    pub(crate) const fn set_most(&mut self, most: usize) {
        self.most = most;
    }

    /// Whether a packet of that length may follow.
    pub(crate) const fn fits(&self, length: usize) -> bool {
        self.count == 0
            || (!self.complete
                && self.count < self.most
                && length <= self.size
                && self.bytes.len() + length <= MAX)
    }

    /// Adds a packet that fits, which `write` writes behind the others.
    pub(crate) fn add(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        let before = self.bytes.len();
        write(&mut self.bytes);
        let length = self.bytes.len().saturating_sub(before);
        if self.count == 0 {
            self.size = length;
        }
        self.complete = length < self.size;
        self.count += 1;
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Number of packets.
    pub(crate) const fn count(&self) -> usize {
        self.count
    }

    /// Length of each packet, if there are several.
    pub(crate) fn segment(&self) -> Option<usize> {
        (self.count > 1).then_some(self.size)
    }

    pub(crate) fn clear(&mut self) {
        self.bytes.clear();
        (self.size, self.count, self.complete) = (0, 0, false);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn add(burst: &mut Burst, length: usize) {
        burst.add(|bytes| bytes.resize(bytes.len() + length, 0));
    }

    #[test]
    fn only_the_last_packet_of_a_burst_may_be_shorter() {
        let mut burst = Burst::new(64);
        for length in [1200, 1200, 700] {
            assert!(burst.fits(length));
            add(&mut burst, length);
        }
        assert_eq!((burst.count(), burst.segment()), (3, Some(1200)));
        assert!(!burst.fits(700), "a packet behind the short one");
        burst.clear();
        add(&mut burst, 700);
        assert_eq!((burst.count(), burst.segment()), (1, None));
        assert!(!burst.fits(1200), "a longer one");
    }

    #[test]
    fn a_burst_is_no_longer_than_the_kernel_takes() {
        let mut burst = Burst::new(2);
        add(&mut burst, 100);
        add(&mut burst, 100);
        assert!(!burst.fits(100));
        let mut burst = Burst::new(1000);
        while burst.fits(1200) {
            add(&mut burst, 1200);
        }
        assert!(burst.bytes().len() <= MAX);
    }
}
