//! The journal by itself.

use std::fs::{self, File};
use std::time::Duration;

use shared::store::{Records, Undelivered};

use super::{Place, check_entry, clock, warnings};

#[test]
fn many_writers_at_once_leave_whole_lines() {
    let place = Place::new();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let clock = clock();
                let mut records = Records::open(place.config_without_database(), &clock);
                for second in 0..10 {
                    records.write(&check_entry(second, "d"));
                }
                assert_eq!(records.finish(), Undelivered::default());
            });
        }
    });
    let bytes = fs::read(place.journal()).unwrap();
    assert_eq!(shared::store::line::entries(&bytes).len(), 40);
}

#[test]
fn a_journal_that_another_process_keeps_locked_is_not_waited_for_beyond_the_limit() {
    let (place, clock) = (Place::new(), clock());
    fs::create_dir_all(place.folder.join("sub")).unwrap();
    let other = File::create(place.journal()).unwrap();
    other.lock().unwrap();
    let mut config = place.config_without_database();
    config.limits.journal_lock = Duration::from_millis(100);
    let mut records = Records::open(config, &clock);
    records.write(&check_entry(1, "d"));
    let said = warnings(&mut records);
    assert!(said.contains("another process has it locked"), "{said}");
    assert_eq!(records.finish().lost, 1);
    // What was kept in memory is written as soon as that is possible.
    other.unlock().unwrap();
    assert_eq!(records.finish(), Undelivered::default());
    let bytes = fs::read(place.journal()).unwrap();
    assert_eq!(shared::store::line::entries(&bytes).len(), 1);
}

#[test]
fn a_journal_that_cannot_be_written_is_said_and_its_records_still_answer() {
    let (place, clock) = (Place::new(), clock());
    fs::write(place.folder.join("sub"), "a file where a folder should be").unwrap();
    let mut records = Records::open(place.config_without_database(), &clock);
    records.write(&check_entry(1, "d"));
    let said = warnings(&mut records);
    assert!(said.contains("could not be written"), "{said}");
    assert_eq!(records.finish().lost, 1);
}
