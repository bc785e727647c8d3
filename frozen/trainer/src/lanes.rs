//! The one order in which gradients of lanes are added: ((0+1)+(2+3))+((4+5)+(6+7)).
//!
//! Neither the number of processes nor what runs a lane can change it, so neither can change a bit: threads
//! that share the lanes each take a branch of the tree.

use std::{ops::Range, panic, thread};

use records::{Stop, v1::protocol::LANES};
use tch::{TchError, Tensor};

/// A sum over lanes that arrive in order; holds at most one partial sum a level.
pub struct LaneTree<T> {
    add: fn(&mut [T], &[T]) -> Result<(), TchError>,
    stack: Vec<(u32, Vec<T>)>,
}

impl<T> LaneTree<T> {
    /// An empty sum; `add` adds its second list to its first, item by item.
    pub fn new(add: fn(&mut [T], &[T]) -> Result<(), TchError>) -> Self {
        Self { add, stack: Vec::new() }
    }

    /// Adds the next lane.
    pub fn push(&mut self, lane: Vec<T>) -> Result<(), TchError> {
        let (mut level, mut right) = (0, lane);
        while let Some((_, mut left)) = self.stack.pop_if(|(below, _)| *below == level) {
            (self.add)(&mut left, &right)?;
            (level, right) = (level + 1, left);
        }
        self.stack.push((level, right));
        Ok(())
    }

    /// The sum of a power of two of lanes; `None` for another number.
    pub fn finish(mut self) -> Option<Vec<T>> {
        let (_, sum) = self.stack.pop()?;
        self.stack.is_empty().then_some(sum)
    }
}

/// Adds lists of values, one by one.
pub fn add_values(sums: &mut [Vec<f32>], values: &[Vec<f32>]) -> Result<(), TchError> {
    for (sum, values) in sums.iter_mut().zip(values) {
        for (sum, value) in sum.iter_mut().zip(values) {
            *sum += value;
        }
    }
    Ok(())
}

/// Adds lists of tensors, one by one.
pub fn add_tensors(sums: &mut [Tensor], tensors: &[Tensor]) -> Result<(), TchError> {
    sums.iter_mut().zip(tensors).try_for_each(|(sum, tensor)| sum.f_add_(tensor).map(drop))
}

/// The lanes of each of so many threads, which is a power of two.
pub fn shares(threads: usize) -> impl Iterator<Item = Range<usize>> {
    let share = LANES / threads;
    (0..threads).map(move |thread| thread * share..(thread + 1) * share)
}

/// Does the same with each item, all at once; results, or the first error, in the items' order.
pub fn side_by_side<I: Send, T: Send>(
    items: Vec<I>,
    work: impl Fn(I) -> Result<T, Stop> + Sync,
) -> Result<Vec<T>, Stop> {
    if items.len() == 1 {
        return items.into_iter().map(work).collect();
    }
    let work = &work;
    thread::scope(|scope| {
        // How many threads an operator uses is each thread's own, in OpenMP and in MKL, and decides bits.
        let alone = move |item| shim::one_thread().map_err(Stop::from).and_then(|()| work(item));
        let threads: Vec<_> = items.into_iter().map(|item| scope.spawn(move || alone(item))).collect();
        let ended: Vec<_> = threads.into_iter().map(thread::ScopedJoinHandle::join).collect();
        ended.into_iter().map(|ended| ended.unwrap_or_else(|cause| panic::resume_unwind(cause))).collect()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sum(lanes: &[f32]) -> Option<f32> {
        let mut tree = LaneTree::new(add_values);
        lanes.iter().for_each(|lane| tree.push(vec![vec![*lane]]).unwrap());
        tree.finish().map(|sum| sum[0][0])
    }

    #[test]
    fn the_order_is_the_tree_of_the_design() {
        let x = [1e8f32, 1.0, -1e8, 3.5, 0.1, 7.0, -0.3, 1e-3];
        let expected = ((x[0] + x[1]) + (x[2] + x[3])) + ((x[4] + x[5]) + (x[6] + x[7]));
        assert_eq!(sum(&x).unwrap().to_bits(), expected.to_bits());
        assert_ne!(x.iter().sum::<f32>().to_bits(), expected.to_bits(), "the example tells orders apart");
    }

    #[test]
    fn a_missing_lane_is_no_sum() {
        assert_eq!(sum(&[]), None);
        assert_eq!(sum(&[1.0; 7]), None);
        assert_eq!(sum(&[1.0; 8]), Some(8.0));
    }

    #[test]
    fn tensors_add_like_values() {
        let values = [0.1f32, 1e9, -3.0, 2.5];
        let mut tree = LaneTree::new(add_tensors);
        values.iter().for_each(|value| tree.push(vec![Tensor::from_slice(&[*value])]).unwrap());
        let found = Vec::<f32>::try_from(&tree.finish().unwrap()[0]).unwrap()[0];
        assert_eq!(Some(found), sum(&values));
    }
}
