//! Ctrl-C.

use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;

use crate::Error;

/// A wish to end a run after the step under way.
///
/// ```
/// use train::Interrupt;
/// let interrupt = Interrupt::new();
/// let button = interrupt.clone();
/// std::thread::spawn(move || button.request()).join().unwrap();
/// assert!(interrupt.is_requested());
/// ```
#[derive(Clone, Debug, Default)]
pub struct Interrupt {
    requested: Arc<AtomicBool>,
}

impl Interrupt {
    /// The code with which a program ends that Ctrl-C has ended: 128 + SIGINT.
    pub const EXIT_CODE: u8 = 130;

    /// One that only [`request`](Interrupt::request) makes.
    pub fn new() -> Interrupt {
        Interrupt::default()
    }

    /// One that Ctrl-C makes, or the signal SIGTERM. A second one ends the program at once, with the code 130.
    ///
    /// It is the same one for the whole process, however often it is asked for.
    ///
    /// # Errors
    /// If the operating system does not let the program know.
    pub fn on_ctrl_c() -> Result<Interrupt, Error> {
        static INSTALLED: OnceLock<Result<Interrupt, std::io::ErrorKind>> = OnceLock::new();
        let installed = INSTALLED.get_or_init(|| Interrupt::install().map_err(|error| error.kind()));
        installed.clone().map_err(|kind| Error::Signal(kind.into()))
    }

    fn install() -> std::io::Result<Interrupt> {
        let interrupt = Interrupt::new();
        for signal in [SIGINT, SIGTERM] {
            // In this order: the first signal finds the flag down, and raises it; the second one finds it up.
            flag::register_conditional_shutdown(signal, Interrupt::EXIT_CODE.into(), interrupt.requested.clone())?;
            flag::register(signal, interrupt.requested.clone())?;
        }
        Ok(interrupt)
    }

    /// Makes the wish.
    pub fn request(&self) {
        self.requested.store(true, Ordering::SeqCst);
    }

    /// Whether it was made.
    pub fn is_requested(&self) -> bool {
        self.requested.load(Ordering::SeqCst)
    }

    /// The code for the program to end with.
    pub fn exit_code() -> ExitCode {
        ExitCode::from(Interrupt::EXIT_CODE)
    }
}
