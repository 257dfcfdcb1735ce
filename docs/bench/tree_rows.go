package main

// The rows about changing a large tree and keeping its earlier states.

import (
	"context"
	"fmt"
	"runtime"

	"github.com/copse-mls/copse/ciphersuite"
	"github.com/copse-mls/copse/framing"
	"github.com/copse-mls/copse/treekem"
	"github.com/copse-mls/copse/treekem/treekemtest"
)

const (
	largeTree = 1 << largeLevel
	// largeLevel is the number of parents above each leaf of the large tree.
	largeLevel = 18
	// parentHashInput is the size of the TreeHashInput of a parent: both children's hashes, its key and its parent hash.
	parentHashInput = 135

	// Each path is of another leaf, and all are replaced before the first is again, so that the next is not found in
	// the processor's caches.
	paths     = 1024
	snapshots = 100
)

func treeRows() []Row {
	return []Row{
		{
			Name:  "replace-path",
			What:  "ApplyPath and Tree for one leaf's path in a tree of 262,144 leaves: against hashing 18 parents",
			Limit: 10, Unit: "x", Noise: noiseOfTimes, Measure: measureReplacePath,
		},
		{
			Name:  "snapshots",
			What:  "100 snapshots of a tree of 262,144 leaves, each one path replacement after the last: extra heap",
			Limit: 1, Unit: "MB", Noise: noiseOfSizes, Measure: measureSnapshots,
		},
	}
}

func measureReplacePath(ctx context.Context, e *Env) (float64, string, error) {
	f, err := e.full(ctx, largeTree)
	if err != nil {
		return 0, "", err
	}
	e.progress.show("preparing %d paths", paths)
	received, err := preparePaths(f, paths)
	if err != nil {
		return 0, "", err
	}
	return e.compare(ctx, comparison{
		each: "a path",
		numerator: work{times: paths, run: func() error {
			for _, r := range received {
				edit := f.Tree.Edit()
				if err := edit.ApplyPath(r); err != nil {
					return err
				}
				if _, err := edit.Tree(); err != nil {
					return err
				}
			}
			return nil
		}},
		denominator: hashParents(e.suite, 8*paths),
	})
}

// preparePaths makes n UpdatePaths, each for the tree as it is.
func preparePaths(f *treekemtest.Fixture, n int) ([]treekem.ApplyPathParams, error) {
	received := make([]treekem.ApplyPathParams, n)
	for k := range received {
		i := scattered(f, k)
		edit := f.Tree.Edit()
		path, err := newPath(f, edit, i)
		if err != nil {
			return nil, err
		}
		tree, err := edit.Tree()
		if err != nil {
			return nil, err
		}
		update, err := path.Seal(nil, tree, nil, nil)
		if err != nil {
			return nil, err
		}
		received[k] = treekem.ApplyPathParams{Sender: i, Path: update}
	}
	return received, nil
}

// hashParents hashes as many parents as a leaf of the large tree has, a number of times.
func hashParents(suite *ciphersuite.Suite, times int) work {
	input, hash := make([]byte, parentHashInput), make([]byte, suite.HashSize)
	return work{times: times, run: func() error {
		for range times * largeLevel {
			hash = suite.Hash(hash[:0], input)
		}
		return nil
	}}
}

// measureSnapshots keeps the stricter of two kinds of snapshots in view: those that share everything cost next to
// nothing, and are mentioned only.
func measureSnapshots(ctx context.Context, e *Env) (float64, string, error) {
	f, err := e.full(ctx, largeTree)
	if err != nil {
		return 0, "", err
	}
	e.progress.show("taking %d snapshots", snapshots)
	plain, err := heapOfSnapshots(ctx, f, func(*treekem.Edit, framing.LeafIndex) error { return nil })
	if err != nil {
		return 0, "", err
	}
	apart, err := heapOfSnapshots(ctx, f, func(edit *treekem.Edit, i framing.LeafIndex) error {
		_, err := newPath(f, edit, i)
		return err
	})
	if err != nil {
		return 0, "", err
	}
	return float64(apart) / 1e6, fmt.Sprintf("%d B a snapshot; %d B a snapshot of the tree unchanged",
		apart/snapshots, plain/snapshots), nil
}

// heapOfSnapshots returns what a chain of trees, each made from the last by change, adds to the heap.
func heapOfSnapshots(ctx context.Context, f *treekemtest.Fixture, change func(*treekem.Edit, framing.LeafIndex) error) (int64, error) {
	kept := make([]*treekem.Tree, 0, snapshots)
	before, last := heap(), f.Tree
	for k := range snapshots {
		if err := ctx.Err(); err != nil {
			return 0, err
		}
		edit := last.Edit()
		if err := change(edit, scattered(f, k)); err != nil {
			return 0, err
		}
		tree, err := edit.Tree()
		if err != nil {
			return 0, err
		}
		kept, last = append(kept, tree), tree
	}
	after := heap()
	runtime.KeepAlive(kept)
	return after - before, nil
}
