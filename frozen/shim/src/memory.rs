//! Tensors over memory that somebody else owns, and the memory of a tensor as a slice.

use tch::{Device, Kind, Tensor};

use crate::ShimError;

/// A tensor over memory that lives as long as the process and that nobody writes, such as an input mapping.
///
/// No copy is made. The tensor must not be written in place: over a read-only mapping the processor refuses
/// it, which ends the process; elsewhere it would change what others believe constant.
pub fn view(memory: &'static [f32], shape: &[i64]) -> Result<Tensor, ShimError> {
    over(memory.as_ptr(), memory.len(), shape)
}

/// A tensor over memory that lives as long as the process and that only the tensor reaches from now on.
pub fn view_mut(memory: &'static mut [f32], shape: &[i64]) -> Result<Tensor, ShimError> {
    over(memory.as_mut_ptr(), memory.len(), shape)
}

fn over(start: *const f32, length: usize, shape: &[i64]) -> Result<Tensor, ShimError> {
    let asked = shape.iter().try_fold(1i64, |product, &side| (side >= 0).then(|| product.checked_mul(side)).flatten());
    if asked != i64::try_from(length).ok() {
        return Err(ShimError::Length { shape: shape.to_vec(), length });
    }
    if length == 0 {
        return Ok(Tensor::f_zeros(shape, (Kind::Float, Device::Cpu))?);
    }
    let mut strides = vec![1; shape.len()];
    for axis in (1..shape.len()).rev() {
        strides[axis - 1] = strides[axis] * shape[axis];
    }
    // SAFETY: `length` aligned values that live until the process ends, and the shape asks for exactly these.
    Ok(unsafe { Tensor::f_from_blob(start.cast(), shape, &strides, Kind::Float, Device::Cpu)? })
}

/// The values of a contiguous f32 tensor on the CPU, without a copy.
///
/// - Errors: any other tensor; take `.contiguous()` or `.to_kind(..)` first.
pub fn values(tensor: &Tensor) -> Result<&[f32], ShimError> {
    let (start, length) = plain(tensor)?;
    if length == 0 {
        return Ok(&[]);
    }
    // SAFETY: `plain` has seen that so many f32 lie there without gaps; the tensor is borrowed meanwhile.
    Ok(unsafe { std::slice::from_raw_parts(start, length) })
}

/// The values of a contiguous f32 tensor on the CPU, for writing.
///
/// A shallow clone shares this memory: none may be read or written through while the slice lives.
pub fn values_mut(tensor: &mut Tensor) -> Result<&mut [f32], ShimError> {
    let (start, length) = plain(tensor)?;
    if length == 0 {
        return Ok(&mut []);
    }
    // SAFETY: as above, and the tensor is borrowed exclusively; its shallow clones are the caller's promise.
    Ok(unsafe { std::slice::from_raw_parts_mut(start, length) })
}

fn plain(tensor: &Tensor) -> Result<(*mut f32, usize), ShimError> {
    let refuse = |found: String| Err(ShimError::NotPlain { found });
    if !tensor.defined() {
        return refuse("undefined".to_owned());
    }
    let (kind, device) = (tensor.f_kind()?, tensor.device());
    if kind != Kind::Float || device != Device::Cpu || tensor.is_sparse() || tensor.is_mkldnn() {
        return refuse(format!("{kind:?} on {device:?}"));
    }
    if !tensor.is_contiguous() {
        return refuse(format!("strided: shape {:?}, strides {:?}", tensor.size(), tensor.stride()));
    }
    Ok((tensor.data_ptr().cast(), tensor.numel()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_view_shares_memory_both_ways() {
        let memory: &'static mut [f32] = Box::leak(Box::new([0.0, 1.0, 2.0, 3.0, 4.0, 5.0]));
        let mut tensor = view_mut(memory, &[2, 3]).unwrap();
        assert_eq!(tensor.double_value(&[1, 0]), 3.0);
        let _ = tensor.fill_(7.0);
        assert_eq!(values(&tensor).unwrap(), [7.0; 6]);
        values_mut(&mut tensor).unwrap()[4] = 8.0;
        assert_eq!(tensor.double_value(&[1, 1]), 8.0);
    }

    #[test]
    fn shapes_must_fit_and_may_be_empty() {
        let memory: &'static [f32] = &[1.0, 2.0];
        assert!(matches!(view(memory, &[3]), Err(ShimError::Length { .. })));
        assert!(matches!(view(memory, &[-1, -2]), Err(ShimError::Length { .. })));
        assert!(matches!(view(memory, &[i64::MAX, 4]), Err(ShimError::Length { .. })));
        assert_eq!(view(&memory[..1], &[]).unwrap().double_value(&[]), 1.0);
        assert_eq!(view(&[], &[0, 4]).unwrap().size(), [0, 4]);
        assert!(values(&view(&[], &[0]).unwrap()).unwrap().is_empty());
    }

    #[test]
    fn only_plain_memory_is_lent() {
        let tensor = Tensor::arange(6, (Kind::Float, Device::Cpu)).view([2, 3]);
        assert!(values(&tensor.transpose(0, 1)).is_err());
        assert!(values(&tensor.to_kind(Kind::Double)).is_err());
        assert_eq!(values(&tensor.transpose(0, 1).contiguous()).unwrap(), [0.0, 3.0, 1.0, 4.0, 2.0, 5.0]);
    }
}
