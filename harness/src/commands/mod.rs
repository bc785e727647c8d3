//! The commands: one module each, with `Args` and `run`.
//!
//! A command is a module, declared where rustfmt sees it, and one line of the list below; its sentence is what
//! `--help` prints.

pub mod attempt;
pub mod certify;
pub mod check;
pub mod compare;
pub mod data;
pub mod doctor;
pub mod golden;
pub mod key;
pub mod leaderboard;
pub mod new;
pub mod pack;
pub mod protocol;
pub mod prune;
pub mod report;
pub mod round;
pub mod rules;
pub mod show;
pub mod sign;
pub mod status;
pub mod verify;

use records::Exit;

use crate::terminal::Terminal;

/// Declares the subcommands and what runs them.
macro_rules! commands {
    ($($(#[$meta:meta])* $name:ident = $module:ident;)+) => {
        /// What to do.
        #[derive(Debug, clap::Subcommand)]
        pub enum Command {
            $($(#[$meta])* $name($module::Args),)+
        }

        impl Command {
            /// Does it.
            pub fn run(self, terminal: &mut Terminal) -> anyhow::Result<Exit> {
                match self {
                    $(Self::$name(args) => $module::run(args, terminal),)+
                }
            }
        }
    };
}

/// A number that must be at least one, as the command line gives it.
fn positive<T: std::str::FromStr + Default + PartialEq>(text: &str) -> Result<T, String> {
    let number = text.parse().map_err(|_| "a whole number is expected".to_owned())?;
    if number == T::default() { Err("at least 1 is expected".to_owned()) } else { Ok(number) }
}

/// A text that says something, as the command line gives it.
fn said(text: &str) -> Result<String, String> {
    let text = text.trim();
    if text.is_empty() { Err("it is blank".to_owned()) } else { Ok(text.to_owned()) }
}

commands! {
    /// Writes a complete entry to start from.
    New = new;
    /// Makes the ZIP of an entry's folder.
    Pack = pack;
    /// Judges a ZIP by all that needs no training.
    Check = check;
    /// Prints every rule that a submission can break, and the limits.
    Rules = rules;
    /// Says what this machine can do.
    Doctor = doctor;
    /// Makes shards a data set, and says what a data set is.
    Data = data;
    /// Trains for a while beside the baseline. Not a verdict.
    Try = attempt;
    /// Records, or repeats, the run that this class of machines must repeat.
    Golden = golden;
    /// Takes a submission from its ZIP to an unsigned statement.
    Certify = certify;
    /// Lists what lies in a home, how far it is and who is at work there.
    Status = status;
    /// Lists, shows and checks protocols.
    Protocol = protocol;
    /// Draws, commits to, starts, reveals and checks a round.
    Round = round;
    /// Makes a key pair.
    Key = key;
    /// Reads an entry's evidence again and signs its statement.
    Sign = sign;
    /// Judges a certificate and every file that it names.
    Verify = verify;
    /// Removes checkpoints that nobody needs to verify a certificate.
    Prune = prune;
    /// Shows a certificate on one screen.
    Show = show;
    /// Makes a leaderboard of certificates.
    Leaderboard = leaderboard;
    /// Writes a page with the curves and tables of runs.
    Report = report;
    /// Finds the first step where two runs part.
    Compare = compare;
}
