//! What each member of a team still has to do in the present run, and who takes from whom.
//!
//! The tasks of a run are dealt out as one stretch per member, in order. A kernel's tasks lie in memory in their order, so the
//! same member has the same part of each tensor in one kernel after another, and finds it in its own cache: between cores that
//! share no cache a line takes 200 ns to come over. Who has finished takes the latter half of what another has left
//! ([Blumofe and Leiserson, 1999](https://doi.org/10.1145/324133.324234)), so a member that the system does not let run holds
//! nobody up.

use std::sync::atomic::{AtomicU64, Ordering};

/// In which order each member goes through its tasks. What the kernel before has written last is nearest, so one that begins with the
/// last task where that began with the first finds more of it in a cache.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Order {
    /// From the first.
    FirstToLast,
    /// From the last.
    LastToFirst,
}

/// The tasks that the members have left, a stretch each.
pub(super) struct Shares(Vec<Share>);

/// One member's tasks `next..end`, as one number, so that the two change together. It has a line of the cache to itself
/// (a pair of lines, since processors fetch in pairs).
#[repr(align(128))]
struct Share(AtomicU64);

/// A value of a [`Share`].
#[derive(Clone, Copy)]
struct Stretch {
    next: u32,
    end: u32,
}

impl Stretch {
    fn pack(self) -> u64 {
        u64::from(self.end) << 32 | u64::from(self.next)
    }

    fn unpack(packed: u64) -> Self {
        Self { next: (packed & u64::from(u32::MAX)) as u32, end: (packed >> 32) as u32 }
    }

    fn split_first(self, order: Order) -> (u32, Self) {
        match order {
            Order::FirstToLast => (self.next, Self { next: self.next + 1, ..self }),
            Order::LastToFirst => (self.end - 1, Self { end: self.end - 1, ..self }),
        }
    }

    /// What comes first and what comes last; the latter is not empty.
    fn halves(self, order: Order) -> (Self, Self) {
        let half = (self.end - self.next) / 2;
        match order {
            Order::FirstToLast => {
                let middle = self.next + half;
                (Self { end: middle, ..self }, Self { next: middle, ..self })
            }
            Order::LastToFirst => {
                let middle = self.end - half;
                (Self { next: middle, ..self }, Self { end: middle, ..self })
            }
        }
    }

    fn is_empty(self) -> bool {
        self.next >= self.end
    }
}

impl Shares {
    /// Nothing to do yet, for each of `members`.
    pub(super) fn new(members: usize) -> Self {
        Self((0..members).map(|_| Share(AtomicU64::new(0))).collect())
    }

    /// Deals out the tasks below `tasks`. Nobody may be taking any.
    pub(super) fn deal(&self, tasks: u32) {
        let members = self.0.len() as u64;
        let bound = |member: u64| (u64::from(tasks) * member / members) as u32;
        for (member, share) in (0..members).zip(&self.0) {
            share.0.store(Stretch { next: bound(member), end: bound(member + 1) }.pack(), Ordering::Relaxed);
        }
    }

    /// The next task for `member`: its own, or else one that it takes from another; none when nobody has any left.
    pub(super) fn take(&self, member: usize, order: Order) -> Option<u32> {
        self.0[member].first(order).or_else(|| {
            let members = self.0.len();
            let taken = (1..members).find_map(|step| self.0[(member + step) % members].half(order))?;
            let (task, rest) = taken.split_first(order);
            if !rest.is_empty() {
                // The member's own share is empty, and only the member itself adds to it.
                self.0[member].0.store(rest.pack(), Ordering::Relaxed);
            }
            Some(task)
        })
    }
}

impl Share {
    fn first(&self, order: Order) -> Option<u32> {
        let before = self.change(|left| left.split_first(order).1)?;
        Some(before.split_first(order).0)
    }

    /// Takes the half of what is left that comes last, one task at least.
    fn half(&self, order: Order) -> Option<Stretch> {
        let before = self.change(|left| left.halves(order).0)?;
        Some(before.halves(order).1)
    }

    /// Puts `change` of what is left in its place; what was left before, none where that was nothing.
    ///
    /// A task's number does not come back within a run, so a share that looks as it did is as it was.
    fn change(&self, change: impl Fn(Stretch) -> Stretch) -> Option<Stretch> {
        let change = |packed| {
            let left = Stretch::unpack(packed);
            (!left.is_empty()).then(|| change(left).pack())
        };
        self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, change).ok().map(Stretch::unpack)
    }
}

#[cfg(test)]
mod tests {
    use super::Order::{FirstToLast, LastToFirst};
    use super::*;

    #[test]
    fn each_member_has_a_stretch_of_its_own_in_order() {
        let shares = Shares::new(3);
        shares.deal(10);
        assert_eq!([0, 1, 2].map(|member| shares.take(member, FirstToLast)), [Some(0), Some(3), Some(6)]);
        assert_eq!([0, 1, 2].map(|member| shares.take(member, FirstToLast)), [Some(1), Some(4), Some(7)]);
    }

    #[test]
    fn one_member_alone_does_all_of_it() {
        for (members, tasks) in [(1, 5), (2, 1), (2, 9), (5, 3), (7, 100)] {
            let shares = Shares::new(members);
            shares.deal(tasks);
            let mut taken: Vec<u32> = std::iter::from_fn(|| shares.take(members - 1, FirstToLast)).collect();
            taken.sort_unstable();
            assert_eq!(taken, (0..tasks).collect::<Vec<_>>(), "{members} members");
            assert!((0..members).all(|member| shares.take(member, FirstToLast).is_none()));
        }
    }

    #[test]
    fn who_has_finished_takes_the_latter_half() {
        let shares = Shares::new(2);
        shares.deal(8);
        assert_eq!(shares.take(0, FirstToLast), Some(0));
        let second: Vec<u32> = (0..6).map_while(|_| shares.take(1, FirstToLast)).collect();
        assert_eq!(second, [4, 5, 6, 7, 2, 3]);
        assert_eq!(shares.take(0, FirstToLast), Some(1));
        assert_eq!(shares.take(0, FirstToLast), None);
    }

    #[test]
    fn backwards_each_begins_with_its_last_and_who_has_finished_takes_the_former_half() {
        let shares = Shares::new(2);
        shares.deal(8);
        assert_eq!([0, 1].map(|member| shares.take(member, LastToFirst)), [Some(3), Some(7)]);
        let second: Vec<u32> = (0..5).map_while(|_| shares.take(1, LastToFirst)).collect();
        assert_eq!(second, [6, 5, 4, 1, 0]);
        assert_eq!(shares.take(0, LastToFirst), Some(2));
        assert_eq!([0, 1].map(|member| shares.take(member, LastToFirst)), [None, None]);
    }
}
