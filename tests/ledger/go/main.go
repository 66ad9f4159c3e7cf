// Readlog checks a published log with golang.org/x/mod/sumdb, the code that checks Go's own
// modules. It shares no line with the product: what it accepts, a stranger's tool accepts.
//
//	readlog FOLDER VKEY [OLDSIZE OLDROOT]
//
// It prints the size and root, or says on standard error what does not hold and exits 1.
package main

import (
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

const height = 8

// files reads tiles where C2SP tlog-tiles puts them.
type files struct{ dir string }

func (f files) Height() int { return height }

func (f files) ReadTiles(tiles []tlog.Tile) ([][]byte, error) {
	var found [][]byte
	for _, tile := range tiles {
		// sumdb has the height in the path; tlog-tiles always has 8 and leaves it out.
		path := strings.Replace(tile.Path(), "tile/8/", "tile/", 1)
		data, err := os.ReadFile(filepath.Join(f.dir, path))
		if err != nil {
			return nil, err
		}
		found = append(found, data)
	}
	return found, nil
}

func (f files) SaveTiles([]tlog.Tile, [][]byte) {}

func bundle(dir string, n, size int64) ([][]byte, error) {
	width := min(256, size-n*256)
	tile := tlog.Tile{H: height, L: 0, N: n, W: int(width)}
	path := strings.Replace(tile.Path(), "tile/8/0/", "tile/entries/", 1)
	data, err := os.ReadFile(filepath.Join(dir, path))
	if err != nil {
		return nil, err
	}
	var entries [][]byte
	for len(data) > 0 {
		if len(data) < 2 {
			return nil, fmt.Errorf("%s: cut short", path)
		}
		length := int(binary.BigEndian.Uint16(data))
		if len(data) < 2+length {
			return nil, fmt.Errorf("%s: cut short", path)
		}
		entries = append(entries, data[2:2+length])
		data = data[2+length:]
	}
	if int64(len(entries)) != width {
		return nil, fmt.Errorf("%s: %d entries, not %d", path, len(entries), width)
	}
	return entries, nil
}

func root(text string) (hash tlog.Hash, err error) {
	raw, err := base64.StdEncoding.DecodeString(text)
	if err == nil && len(raw) != tlog.HashSize {
		err = fmt.Errorf("a root has %d bytes", tlog.HashSize)
	}
	copy(hash[:], raw)
	return hash, err
}

func check(dir, vkey string, older []string) (tlog.Tree, error) {
	var tree tlog.Tree
	verifier, err := note.NewVerifier(vkey)
	if err != nil {
		return tree, err
	}
	signed, err := os.ReadFile(filepath.Join(dir, "checkpoint"))
	if err != nil {
		return tree, err
	}
	opened, err := note.Open(signed, note.VerifierList(verifier))
	if err != nil {
		return tree, err
	}
	lines := strings.Split(opened.Text, "\n")
	if len(lines) < 4 || lines[0] != verifier.Name() {
		return tree, fmt.Errorf("not a checkpoint of %s", verifier.Name())
	}
	if tree.N, err = strconv.ParseInt(lines[1], 10, 64); err != nil {
		return tree, err
	}
	if tree.Hash, err = root(lines[2]); err != nil {
		return tree, err
	}
	hashes := tlog.TileHashReader(tree, files{dir})
	for n := int64(0); n*256 < tree.N; n++ {
		entries, err := bundle(dir, n, tree.N)
		if err != nil {
			return tree, err
		}
		var indexes []int64
		for i := range entries {
			indexes = append(indexes, tlog.StoredHashIndex(0, n*256+int64(i)))
		}
		leaves, err := hashes.ReadHashes(indexes)
		if err != nil {
			return tree, err
		}
		for i, entry := range entries {
			if tlog.RecordHash(entry) != leaves[i] {
				return tree, fmt.Errorf("entry %d does not give its leaf hash", n*256+int64(i))
			}
		}
	}
	if len(older) == 2 {
		size, err := strconv.ParseInt(older[0], 10, 64)
		if err != nil {
			return tree, err
		}
		former, err := root(older[1])
		if err != nil {
			return tree, err
		}
		proof, err := tlog.ProveTree(tree.N, size, hashes)
		if err != nil {
			return tree, err
		}
		return tree, tlog.CheckTree(proof, tree.N, tree.Hash, size, former)
	}
	return tree, nil
}

func main() {
	if len(os.Args) < 3 {
		fmt.Fprintln(os.Stderr, "readlog FOLDER VKEY [OLDSIZE OLDROOT]")
		os.Exit(2)
	}
	tree, err := check(os.Args[1], os.Args[2], os.Args[3:])
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Printf("%d %s\n", tree.N, tree.Hash)
}
