//! The defined warm-up: everything that libtorch does only once is done before any participant code.
//!
//! libtorch is lazy. Its first matrix product reads `/proc/cpuinfo` and moves the process over the processors,
//! oneDNN reads `/sys/devices/system/cpu`, and the default generator asks for entropy when it is made. A
//! locked cell could do none of that, and each would be another answer on another machine.

use tch::{Device, Kind, TchError, Tensor};

/// What libtorch could not do.
#[derive(Debug, thiserror::Error)]
pub enum WarmError {
    /// An operator failed.
    #[error("warm-up: {}", shim::without_backtrace(&.0.to_string()))]
    Torch(#[from] TchError),
    /// A switch could not be set or read back.
    #[error("warm-up: {0}")]
    Shim(#[from] shim::ShimError),
}

/// Sets libtorch's switches and runs every part of it once that starts something on first use.
pub fn warm_up() -> Result<(), WarmError> {
    shim::plain_errors()?;
    shim::one_thread()?;
    shim::pin(shim::Fill::Nan)?;
    // Makes the default generator; each question seeds it again.
    tch::manual_seed(0);
    for kind in [Kind::Float, Kind::Double] {
        products(kind)?;
        factorisations(kind)?;
    }
    convolution()
}

/// Matrix products of several sizes, element-wise functions, a sort, and autograd through them.
fn products(kind: Kind) -> Result<(), WarmError> {
    for size in [8, 64, 256] {
        let a = Tensor::f_rand([size, size], (kind, Device::Cpu))?.f_set_requires_grad(true)?;
        let b = a.f_matmul(&a.f_transpose(0, 1)?)?.f_mul_scalar(0.01)?;
        let loss = b.f_log_softmax(1, kind)?.f_exp()?.f_sum(kind)?.f_add(&b.f_logsumexp([1], false)?.f_mean(kind)?)?;
        let sorted = b.f_sort(1, true)?.0.f_sum(kind)?;
        loss.f_add(&sorted)?.f_backward()?;
        drop(a.f_detach()?.f_zeros_like()?.f_normal_(0.0, 1.0)?);
    }
    Ok(())
}

/// LAPACK, which second-order optimizers use.
fn factorisations(kind: Kind) -> Result<(), WarmError> {
    let identity = Tensor::f_eye(16, (kind, Device::Cpu))?;
    let noise = Tensor::f_rand([16, 16], (kind, Device::Cpu))?.f_mul_scalar(0.1)?;
    let matrix = identity.f_add(&noise)?;
    let symmetric = matrix.f_matmul(&matrix.f_transpose(0, 1)?)?;
    drop(symmetric.f_linalg_eigh("L")?);
    drop(symmetric.f_linalg_cholesky(false)?);
    drop(Tensor::f_linalg_qr(&matrix, "reduced")?);
    drop(Tensor::f_linalg_inv(&matrix)?);
    drop(matrix.f_svd(true, true)?);
    Ok(())
}

/// oneDNN, which probes the processor when it is first used.
fn convolution() -> Result<(), WarmError> {
    let image = Tensor::f_rand([1, 3, 16, 16], (Kind::Float, Device::Cpu))?.f_set_requires_grad(true)?;
    let weight = Tensor::f_rand([4, 3, 3, 3], (Kind::Float, Device::Cpu))?;
    image.f_conv2d::<Tensor>(&weight, None, [1], [1], [1], 1)?.f_sum(Kind::Float)?.f_backward()?;
    Ok(())
}
