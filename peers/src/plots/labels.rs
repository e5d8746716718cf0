//! Where labels stand so that none lies over another.

/// Moves labels of a height apart: each stays as near to where it wants to be as the others let it, in their order, and
/// all between `top` and `bottom`.
pub fn spread(wanted: &[f64], height: f64, top: f64, bottom: f64) -> Vec<f64> {
    let mut order: Vec<usize> = (0..wanted.len()).collect();
    order.sort_by(|a, b| wanted[*a].total_cmp(&wanted[*b]));
    // Labels that touch are a block, placed at the mean of what its labels want. A block that reaches the one
    // above is joined to it.
    let mut blocks: Vec<(f64, Vec<usize>)> = Vec::new();
    for label in order {
        let mut block = (wanted[label], vec![label]);
        while let Some(above) = blocks.pop_if(|above| first(&block, height) < last(above, height) + height) {
            let mut labels = above.1;
            labels.append(&mut block.1);
            let offsets = labels.iter().enumerate().map(|(i, label)| wanted[*label] - height * i as f64);
            let start = offsets.sum::<f64>() / labels.len() as f64;
            block = (start + height * (labels.len() - 1) as f64 / 2.0, labels);
        }
        // Blocks are kept within the limits as they come, so that what lies below makes room for them.
        let half = height * (block.1.len() - 1) as f64 / 2.0;
        block.0 = block.0.min(bottom - half).max(top + half);
        blocks.push(block);
    }
    let mut at = vec![0.0; wanted.len()];
    for block in &blocks {
        for (i, label) in block.1.iter().enumerate() {
            at[*label] = first(block, height) + height * i as f64;
        }
    }
    at
}

fn first(block: &(f64, Vec<usize>), height: f64) -> f64 {
    block.0 - height * (block.1.len() - 1) as f64 / 2.0
}

fn last(block: &(f64, Vec<usize>), height: f64) -> f64 {
    block.0 + height * (block.1.len() - 1) as f64 / 2.0
}

#[cfg(test)]
mod tests {
    use super::spread;

    #[test]
    fn labels_with_room_stay_where_they_want_to_be() {
        assert_eq!(spread(&[50.0, 10.0, 30.0], 12.0, 0.0, 100.0), [50.0, 10.0, 30.0]);
    }

    #[test]
    fn labels_that_meet_move_apart_around_their_middle() {
        assert_eq!(spread(&[50.0, 50.0, 50.0], 10.0, 0.0, 100.0), [40.0, 50.0, 60.0]);
    }

    #[test]
    fn labels_at_an_edge_push_the_others_away_from_it() {
        assert_eq!(spread(&[99.0, 98.0, 85.0], 10.0, 0.0, 100.0), [100.0, 90.0, 80.0]);
        assert_eq!(spread(&[1.0, 2.0, 15.0], 10.0, 0.0, 100.0), [0.0, 10.0, 20.0]);
    }
}
