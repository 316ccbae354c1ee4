package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"syscall"
	"time"

	"github.com/rs/zerolog/log"
)

// plan is what to watch and how patiently. Written by stack/native/liveness.py.
type plan struct {
	// PeriodSeconds is the time between two questions; after a failed one the next follows at once.
	PeriodSeconds float64 `json:"period_seconds"`
	// AnswerSeconds is how long an answer may take.
	AnswerSeconds float64 `json:"answer_seconds"`
	// Failures in a row mean that the part hangs; FirstFailures, if its process has not answered yet.
	Failures      int        `json:"failures"`
	FirstFailures int        `json:"first_failures"`
	Parts         []question `json:"parts"`
}

// question is what a part is asked: bytes of its own protocol, to which any byte is an answer. A part that
// refuses, or says that it is not ready, is alive.
type question struct {
	Part    string `json:"part"`
	Address string `json:"address"`
	Send    []byte `json:"send"`
}

func watchAll(path, socket string) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	var plan plan
	if err := json.Unmarshal(text, &plan); err != nil {
		return err
	}
	if plan.PeriodSeconds <= 0 || plan.AnswerSeconds <= 0 || plan.Failures < 1 || plan.FirstFailures < 1 {
		return errors.New("period_seconds, answer_seconds, failures and first_failures must be positive")
	}
	supervisor := newSupervisor(socket)
	for _, each := range plan.Parts {
		go (&watch{question: each, plan: plan, supervisor: supervisor}).run()
	}
	return nil
}

// watch asks one part. It counts failures of one process only, and none before that process listens: how long a part
// may take to open its files is not its business.
type watch struct {
	question   question
	plan       plan
	supervisor *supervisor
	pid        int
	answered   bool
	failures   int
}

func (w *watch) run() {
	for {
		w.once()
		if w.failures > 0 {
			time.Sleep(seconds(w.plan.PeriodSeconds) / 5)
			continue
		}
		time.Sleep(seconds(w.plan.PeriodSeconds))
	}
}

// once asks once, and kills the part if that was one failure too many.
func (w *watch) once() {
	pid := w.supervisor.pid(w.question.Part)
	if pid != w.pid {
		w.pid, w.answered, w.failures = pid, false, 0
	}
	if pid == 0 {
		return
	}
	err := w.question.ask(seconds(w.plan.AnswerSeconds))
	if err == nil {
		w.answered, w.failures = true, 0
		return
	}
	if !w.answered && errors.Is(err, syscall.ECONNREFUSED) {
		return
	}
	w.failures++
	// Asked again: it may have ended or been stopped meanwhile.
	if w.failures >= w.patience() && w.supervisor.pid(w.question.Part) == pid {
		killed := killTree(pid)
		log.Warn().Str("process", w.question.Part).Ints("killed", killed).Err(err).
			Msg("Hangs: killed, to be restarted")
	}
}

// patience is larger for a start: some listen before they serve.
func (w *watch) patience() int {
	if w.answered {
		return w.plan.Failures
	}
	return w.plan.FirstFailures
}

// ask sends the question and returns nil if a byte comes back in time.
func (q question) ask(patience time.Duration) error {
	connection, err := net.DialTimeout("tcp", q.Address, patience)
	if err != nil {
		return err
	}
	defer connection.Close()
	if err := connection.SetDeadline(time.Now().Add(patience)); err != nil {
		return err
	}
	if _, err := connection.Write(q.Send); err != nil {
		return err
	}
	if _, err := connection.Read(make([]byte, 1)); err != nil {
		return fmt.Errorf("no answer: %w", err)
	}
	return nil
}

func seconds(count float64) time.Duration {
	return time.Duration(count * float64(time.Second))
}
