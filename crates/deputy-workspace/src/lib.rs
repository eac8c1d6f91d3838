//! What people keep in Deputy itself: notes, tasks, and the requirements of projects that they
//! share with others.

pub mod exchange;
#[cfg(any(test, fuzzing))]
pub mod fuzzing;
