//! Where the client reads and writes.

use std::future::{Future, pending};
use std::io::{self, BufRead, BufReader, IsTerminal, Write};
use std::pin::Pin;
use std::{env, mem};

use crate::{ExitCode, failure::Failure, format};

/// What the client talks to: where results and talk go, who can be asked, and what interrupts it.
pub struct Terminal<'a> {
    /// For results.
    pub out: &'a mut (dyn Write + Send),
    /// For everything else.
    pub err: &'a mut (dyn Write + Send),
    /// Where answers come from. Only read if `interactive`.
    pub input: Box<dyn BufRead + Send>,
    /// Somebody can be asked: stdin and stderr are terminals.
    pub interactive: bool,
    /// `err` is a terminal that can be drawn on.
    pub err_is_terminal: bool,
    /// `err` may have colours.
    pub colour: bool,
    /// The lines and columns of `err`, as they are now.
    pub size: fn() -> (usize, usize),
    /// Columns of stdout; None if it is no terminal, where nothing is cut.
    pub out_width: Option<usize>,
    /// Resolves when the user wants to leave.
    pub interrupt: Pin<Box<dyn Future<Output = ()> + Send>>,
    /// Nobody reads `out` any more.
    reader_gone: bool,
}

impl<'a> Terminal<'a> {
    /// Plain writers: no terminal, no colours, nobody to ask, never interrupted.
    pub fn new(out: &'a mut (dyn Write + Send), err: &'a mut (dyn Write + Send)) -> Self {
        Self {
            out,
            err,
            input: Box::new(io::empty()),
            interactive: false,
            err_is_terminal: false,
            colour: false,
            size: || (24, 100),
            out_width: None,
            interrupt: Box::pin(pending()),
            reader_gone: false,
        }
    }

    /// What this process was started with; `out` and `err` must be its stdout and stderr.
    pub fn of_process(out: &'a mut (dyn Write + Send), err: &'a mut (dyn Write + Send)) -> Self {
        let err_is_terminal = io::stderr().is_terminal();
        let no_colour = env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        let dumb = env::var_os("TERM").is_some_and(|value| value == "dumb");
        let out_width = io::stdout().is_terminal().then(|| usize::from(console::Term::stdout().size().1));
        Self {
            input: Box::new(BufReader::new(io::stdin())),
            interactive: err_is_terminal && io::stdin().is_terminal(),
            err_is_terminal: err_is_terminal && !dumb,
            colour: err_is_terminal && !no_colour && !dumb,
            size: size_of_stderr,
            out_width,
            // What is drawn is taken away first, and the cursor given back; and the first process of a container, which ends by no
            // signal unless it wants to, ends.
            interrupt: Box::pin(interrupted_or_terminated()),
            ..Self::new(out, err)
        }
    }

    /// Columns of stderr; None if it is no terminal.
    pub fn err_width(&self) -> Option<usize> {
        self.err_is_terminal.then(|| (self.size)().1)
    }

    /// Writes a piece of the result for people.
    pub fn print(&mut self, text: &str) -> Result<(), Failure> {
        self.print_verbatim(&format::clean(text))
    }

    /// Writes a piece of the result as it is. That nobody reads it is no failure; false from then on.
    pub fn print_bytes(&mut self, bytes: &[u8]) -> Result<bool, Failure> {
        let written = self.out.write_all(bytes).and_then(|()| self.out.flush());
        self.printed(written)?;
        Ok(!self.reader_gone)
    }

    /// Writes a piece of the result for programs. That nobody reads it is no failure; see
    /// [`Terminal::reader_gone`].
    pub fn print_verbatim(&mut self, text: &str) -> Result<(), Failure> {
        if self.reader_gone {
            return Ok(());
        }
        let written = writeln!(self.out, "{text}").and_then(|()| self.out.flush());
        self.printed(written)
    }

    fn printed(&mut self, written: io::Result<()>) -> Result<(), Failure> {
        match written {
            Ok(()) => Ok(()),
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {
                self.reader_gone = true;
                Ok(())
            }
            Err(error) => Err(Failure::new(ExitCode::Failed, format!("cannot write the result: {error}"))),
        }
    }

    /// True once stdout is a pipe that nobody reads any more.
    pub fn reader_gone(&self) -> bool {
        self.reader_gone
    }

    /// Tells something. Where that fails there is nobody left to tell.
    pub fn say(&mut self, text: &str) {
        let _ = writeln!(self.err, "{}", format::clean(text));
    }

    /// Tells something under a label, such as `error: …`.
    pub fn say_labelled(&mut self, label: Label, text: &str) {
        let text = format::clean(text);
        let word = label.word();
        let _ = if self.colour {
            writeln!(self.err, "\x1b[1;{}m{word}:\x1b[0m {text}", label.colour())
        } else {
            writeln!(self.err, "{word}: {text}")
        };
    }

    /// Asks a question and waits for a line; `None` at the end of the input.
    pub async fn ask(&mut self, question: &str) -> Result<Option<String>, Failure> {
        let _ = write!(self.err, "{} ", format::clean(question)).and_then(|()| self.err.flush());
        // Read on a thread of its own, so that Ctrl-C is heard meanwhile.
        let mut input = mem::replace(&mut self.input, Box::new(io::empty()));
        let reading = tokio::task::spawn_blocking(move || {
            let mut line = String::new();
            let read = input.read_line(&mut line);
            (input, read.map(|bytes| (bytes > 0).then(|| line.trim().to_owned())))
        });
        let (input, line) = self
            .unless_interrupted("nothing was changed", reading)
            .await?
            .map_err(|error| Failure::new(ExitCode::Failed, format!("cannot read the answer: {error}")))?;
        self.input = input;
        line.map_err(|error| Failure::new(ExitCode::Failed, format!("cannot read the answer: {error}")))
    }

    /// Waits for `future`, or for the user to leave, which then means `left`.
    pub async fn unless_interrupted<T>(
        &mut self,
        left: &str,
        future: impl Future<Output = T>,
    ) -> Result<T, Failure> {
        tokio::select! {
            biased;
            () = &mut self.interrupt => Err(Failure::new(ExitCode::Interrupted, left)),
            output = future => Ok(output),
        }
    }
}

fn size_of_stderr() -> (usize, usize) {
    let (height, width) = console::Term::stderr().size();
    (height.into(), width.into())
}

async fn interrupted() {
    if tokio::signal::ctrl_c().await.is_err() {
        pending::<()>().await;
    }
}

#[cfg(unix)]
async fn interrupted_or_terminated() {
    use tokio::signal::unix::{SignalKind, signal};
    let Ok(mut terminated) = signal(SignalKind::terminate()) else { return interrupted().await };
    tokio::select! {
        () = interrupted() => {}
        _ = terminated.recv() => {}
    }
}

#[cfg(not(unix))]
async fn interrupted_or_terminated() {
    interrupted().await;
}

/// What kind of thing is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Label {
    Error,
    Partial,
    Interrupted,
    Warning,
    Note,
    Next,
}

impl Label {
    fn word(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Partial => "partial",
            Self::Interrupted => "interrupted",
            Self::Warning => "warning",
            Self::Note => "note",
            Self::Next => "next",
        }
    }

    /// The number of the ANSI colour.
    fn colour(self) -> u8 {
        match self {
            Self::Error => 31,
            Self::Partial | Self::Interrupted | Self::Warning => 33,
            Self::Note | Self::Next => 36,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Broken(io::ErrorKind);

    impl Write for Broken {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(self.0.into())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_closed_pipe_is_no_failure_but_a_full_disk_is() {
        let (mut pipe, mut disk, mut err) =
            (Broken(io::ErrorKind::BrokenPipe), Broken(io::ErrorKind::StorageFull), Vec::new());
        let mut terminal = Terminal::new(&mut pipe, &mut err);
        assert!(terminal.print("x").is_ok() && terminal.reader_gone());
        let failure = Terminal::new(&mut disk, &mut Vec::new()).print("x").expect_err("fails");
        assert_eq!(failure.exit, ExitCode::Failed);
    }

    #[test]
    fn text_of_others_cannot_steer_the_terminal() {
        let (mut out, mut err) = (Vec::new(), Vec::new());
        Terminal::new(&mut out, &mut err).say_labelled(Label::Warning, "a\x1b[2Jb");
        assert_eq!(String::from_utf8_lossy(&err), "warning: a\\u{1b}[2Jb\n");
    }
}
