package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/copse-mls/copse/mls"
)

// todo is one transaction: what a Step changes in the group, what it has to send, and what it has to show. It counts as soon
// as its file has its name, and then it is carried out. When the power fails on the way, the next call carries it out again:
// nothing is lost, a message may be sent twice, and a line shown twice.
type todo struct {
	Records []mls.Record // of the group
	Remove  string       // the file of a KeyPackage that was used up
	Send    []parcel     // the outbox
	Show    []string     // the inbox, in words
}

// parcel is a message and the file by which it is sent.
type parcel struct {
	File    string
	Message []byte
}

// commitTo makes a transaction count.
func (p *person) commitTo(t *todo) error {
	data, err := json.Marshal(t)
	if err != nil {
		return err
	}
	f, err := os.OpenFile(p.file("todo.new"), os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	return os.Rename(p.file("todo.new"), p.file("todo"))
}

// finish carries out the transaction that counts, if there is one, and removes it.
func (p *person) finish() error {
	data, err := os.ReadFile(p.file("todo"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	var t todo
	if err == nil {
		err = json.Unmarshal(data, &t)
	}
	if err != nil {
		return err
	}
	for _, r := range t.Records {
		if err := p.put(r); err != nil {
			return err
		}
	}
	if t.Remove != "" {
		if err := remove(t.Remove); err != nil {
			return err
		}
	}
	for _, out := range t.Send {
		if err := write(out.File, out.Message); err != nil {
			return err
		}
	}
	for _, line := range t.Show {
		fmt.Println(line)
	}
	return os.Remove(p.file("todo"))
}

// put writes or deletes a record.
func (p *person) put(r mls.Record) error {
	if r.Value == nil {
		return remove(p.recordFile(r.Key))
	}
	return os.WriteFile(p.recordFile(r.Key), r.Value, 0o600)
}

// remove deletes a file, unless that was done before.
func remove(file string) error {
	if err := os.Remove(file); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// write sends a message: on the tour, messages are files.
func write(file string, message []byte) error {
	fmt.Printf("%s: %d bytes\n", file, len(message))
	return os.WriteFile(file, message, 0o600)
}
