//! What goes wrong, and what is said about it: exact messages, at the user's line.

mod broken;
mod shapes;
mod tapes;
mod windows;

use std::cell::RefCell;
use std::panic;
use std::sync::Once;

/// A panic's message, and where it happened.
#[derive(Clone, Debug, PartialEq)]
struct Panic {
    message: String,
    file: String,
    line: u32,
}

thread_local!(static LAST: RefCell<Option<Panic>> = const { RefCell::new(None) });

/// Runs `f`, which must panic.
#[track_caller]
fn panic_of(f: impl FnOnce()) -> Panic {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let print = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            print(info);
            let location = info.location().expect("panics have a location");
            let message = info.payload_as_str().unwrap_or("not a text").to_string();
            let panic = Panic { message, file: location.file().into(), line: location.line() };
            LAST.with(|last| *last.borrow_mut() = Some(panic));
        }));
    });
    match panic::catch_unwind(panic::AssertUnwindSafe(f)) {
        Ok(()) => panic!("expected a panic"),
        Err(_) => LAST.take().expect("the hook has seen it"),
    }
}

/// Checks that `f` panics with this message, in the file that the caller is in.
#[track_caller]
fn panics(message: &str, f: impl FnOnce()) {
    let here = panic::Location::caller();
    let panic = panic_of(f);
    assert_eq!(panic.message, message);
    assert_eq!(panic.file, here.file(), "`{message}` is reported away from the user's line");
}
