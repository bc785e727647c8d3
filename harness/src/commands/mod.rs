//! The commands: one module each, with `Args` and `run`.
//!
//! A command is one line of the list below; its sentence is what `--help` prints.

use records::Exit;

use crate::terminal::Terminal;

/// Declares the modules, the subcommands and what runs them.
macro_rules! commands {
    ($($(#[$meta:meta])* $name:ident = $module:ident;)+) => {
        $(mod $module;)+

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

commands! {
    /// Prints every rule that a submission can break, and the limits.
    Rules = rules;
}
