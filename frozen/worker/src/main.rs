//! A worker: the frozen server, linked with one entry under the crate name `submission`.

fn main() -> std::process::ExitCode {
    worker::serve::<submission::Entry>()
}
