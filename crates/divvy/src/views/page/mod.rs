//! A page in the run's folder that shows the training while it runs, and stays as it is when it has ended.

mod document;

use std::fs;
use std::io;
use std::time::{Duration, Instant, SystemTime};

use divvy::data::write_atomically;
use divvy::train::{Course, Event, Listener, RunFolder};

use document::{Moment, document};

/// The least time between two pages within an epoch. Readers load it as often.
const BETWEEN: Duration = Duration::from_secs(5);

/// What only a page holds that will be written again.
const LIVE: &str = "data-live=";

/// A page is written as seldom as to take no more than one part in so many of the training's time.
const SHARE: u32 = 100;

/// Writes the page at each epoch and every few seconds.
///
/// A disk that does not take it does not end the training: [`LivePage::close`] says what it was.
#[derive(Default)]
pub(crate) struct LivePage {
    course: Course,
    run: Option<RunFolder>,
    /// When the last one was written, and how long that took.
    written: Option<(Instant, Duration)>,
    fault: Option<io::Error>,
}

impl LivePage {
    pub(crate) fn new() -> Self {
        Self { course: Course::new(), ..Self::default() }
    }

    /// Writes the page as it stays, if there is a run that it could stay in; what could not be written, if anything.
    ///
    /// # Errors
    /// The last reason why a page could not be written.
    pub(crate) fn close(mut self) -> io::Result<()> {
        // A training that came to nothing has taken its files away.
        if self.run.as_ref().is_some_and(|run| run.events().is_file()) {
            self.write(false);
        }
        self.fault.map_or(Ok(()), Err)
    }

    /// Writes the page of a run that has come to its end as it stays, where there is one that says the training goes on: its process may have been killed, or
    /// the disk have been full, before it could be written.
    ///
    /// # Errors
    /// Why it could not be written now.
    pub(crate) fn settle(run: &RunFolder) -> io::Result<()> {
        if !fs::read_to_string(run.page()).is_ok_and(|page| page.contains(LIVE)) {
            return Ok(());
        }
        let events = run.read_events().map_err(io::Error::other)?;
        let course = Course::of(events.iter().map(|(_, event)| event));
        Self { course, run: Some(run.clone()), ..Self::default() }.close()
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "the page says when it was written, and nothing hangs on it"
    )]
    fn write(&mut self, is_live: bool) {
        let Some(run) = &self.run else { return };
        let begun = Instant::now();
        let moment = Moment { is_live, every: BETWEEN, at: SystemTime::now() };
        let page = document(&self.course, &moment).into_string();
        self.fault = write_atomically(&run.page(), |file| file.write_all(page.as_bytes()))
            .err()
            .map(|error| io::Error::other(error.to_string()));
        self.written = Some((Instant::now(), begun.elapsed()));
    }

    fn is_due(&self) -> bool {
        self.written.is_none_or(|(when, took)| when.elapsed() >= BETWEEN.max(took * SHARE))
    }
}

impl Listener for LivePage {
    fn on(&mut self, event: &Event) {
        if let Event::Started { run, .. } = event {
            let run = RunFolder::at(run);
            // A training that goes on has told the beginning of its course before.
            let earlier = run.read_events().unwrap_or_default();
            self.course = Course::of(earlier.iter().map(|(_, event)| event));
            self.run = Some(run);
        }
        self.course.take(event);
        match event {
            Event::Epoch { .. } => self.write(true),
            // Listeners hear of the end before it is written down: no run that has come to it is shown as going on.
            Event::Finished { .. } => self.write(false),
            Event::Step { .. } | Event::Familiarizing { .. } if self.is_due() => self.write(true),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use divvy::nn::Metric;
    use divvy::train::{Ending, Score};

    use super::*;
    use crate::views::testing::{answers, epoch, started_in, step};

    #[test]
    fn a_page_is_written_at_the_first_step_and_each_epoch_and_not_at_every_step() {
        let folder = tempfile::tempdir().unwrap();
        let mut page = LivePage::new();
        let run = RunFolder::at(folder.path());
        page.on(&started_in(folder.path(), &["a", "b"]));
        assert!(!run.page().exists());
        page.on(&step(1, 1, 0.9));
        let first = std::fs::read_to_string(run.page()).unwrap();
        assert!(first.contains("data-live") && first.contains("epoch 1 of 20"), "{first}");
        page.on(&step(1, 2, 0.8));
        assert_eq!(std::fs::read_to_string(run.page()).unwrap(), first, "too soon");
        page.on(&epoch(1, 0.7, 0.75, &answers(&[4, 4], &[3, 3])));
        let second = std::fs::read_to_string(run.page()).unwrap();
        assert!(second != first && second.contains("0.7500"), "{second}");

        std::fs::write(run.events(), "").unwrap();
        page.close().unwrap();
        let last = std::fs::read_to_string(run.page()).unwrap();
        assert!(!last.contains("data-live") && last.contains("0.7500"), "{last}");
    }

    /// A run whose log tells of a step and an epoch, and of its end.
    fn ended(folder: &Path) -> (RunFolder, Vec<Event>) {
        let finished = Event::Finished {
            ending: Ending::Completed,
            epochs: 1,
            best_epoch: 1,
            validation: Score { loss: 0.5, metric: Metric::Accuracy, value: 0.75 },
            seconds: 9.0,
        };
        let answers = answers(&[4, 4], &[3, 3]);
        let events =
            vec![started_in(folder, &["a", "b"]), step(1, 4, 0.9), epoch(1, 0.9, 0.75, &answers), finished];
        let run = RunFolder::at(folder);
        let line = |event: &Event| serde_json::to_string(event).unwrap() + "\n";
        fs::write(run.events(), events.iter().map(line).collect::<String>()).unwrap();
        (run, events)
    }

    #[test]
    fn a_page_tells_of_the_end_though_nobody_closes_it() {
        let folder = tempfile::tempdir().unwrap();
        let (run, events) = ended(folder.path());
        let mut page = LivePage::new();
        fs::write(run.events(), "").unwrap();
        events[..3].iter().for_each(|event| page.on(event));
        assert!(fs::read_to_string(run.page()).unwrap().contains(LIVE));
        page.on(&events[3]);
        let text = fs::read_to_string(run.page()).unwrap();
        assert!(!text.contains(LIVE) && text.contains("Ended after 1 epochs"), "{text}");
    }

    #[test]
    fn a_page_that_was_left_live_is_settled_and_any_other_stays() {
        let folder = tempfile::tempdir().unwrap();
        let (run, events) = ended(folder.path());
        LivePage::settle(&run).unwrap();
        assert!(!run.page().exists(), "there was none");
        let mut page = LivePage::new();
        fs::rename(run.events(), folder.path().join("kept")).unwrap();
        events[..3].iter().for_each(|event| page.on(event));
        fs::rename(folder.path().join("kept"), run.events()).unwrap();
        LivePage::settle(&run).unwrap();
        let text = fs::read_to_string(run.page()).unwrap();
        assert!(!text.contains(LIVE) && text.contains("Ended after 1 epochs"), "{text}");
        fs::write(run.page(), "a page of another kind").unwrap();
        LivePage::settle(&run).unwrap();
        assert_eq!(fs::read_to_string(run.page()).unwrap(), "a page of another kind");
    }

    #[test]
    fn a_training_that_came_to_nothing_leaves_no_page() {
        let folder = tempfile::tempdir().unwrap();
        let mut page = LivePage::new();
        page.on(&started_in(folder.path(), &["a", "b"]));
        page.close().unwrap();
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_disk_that_takes_no_page_is_told_at_the_end() {
        let folder = tempfile::tempdir().unwrap();
        let gone = folder.path().join("gone");
        let mut page = LivePage::new();
        page.on(&started_in(&gone, &["a", "b"]));
        page.on(&step(1, 1, 0.9));
        assert!(page.close().is_err());
    }

    #[test]
    fn a_training_that_goes_on_is_shown_from_its_beginning() {
        let folder = tempfile::tempdir().unwrap();
        let run = RunFolder::at(folder.path());
        let started = started_in(folder.path(), &["a", "b"]);
        let earlier = [started.clone(), step(1, 4, 0.9), epoch(1, 0.9, 0.25, &answers(&[4, 4], &[1, 1]))];
        let line = |event: &Event| serde_json::to_string(event).unwrap() + "\n";
        std::fs::write(run.events(), earlier.iter().map(line).collect::<String>()).unwrap();
        let mut page = LivePage::new();
        page.on(&started);
        page.on(&step(2, 2, 0.8));
        let text = std::fs::read_to_string(run.page()).unwrap();
        assert!(text.contains("0.2500") && text.contains("epoch 2 of 20"), "{text}");
    }
}
