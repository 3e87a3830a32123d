/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef FUZZ_FAULTS_H
#define FUZZ_FAULTS_H

/*
 * Memory runs out, the disk is full, a socket cannot be had: nobody sends that, but whoever keeps a
 * node busy can bring it about, and then everything must still be sound. An input that begins with
 * "!N!" lets the Nth call fail of those that may fail, which are listed in faults.c; "!N+!" a
 * thousand from that on: who has neither a descriptor nor a timer asks again at once, and would do
 * so without end. With an 'h' before the second '!' time hurries: every timer runs out soon.
 *
 * The linker puts these calls in the place of the true ones (CMakeLists.txt). In a build where it
 * cannot, nothing fails.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Takes the plan off the input. To be called first, also by a target that knows of no failures. */
void faults_plan(const uint8_t **bytes, size_t *size);

/* Only between these two does anything fail: what the target itself needs it always gets. */
void faults_on(void);
void faults_off(void);

/* Inside of that, in what is called back: fuzz_copy() and what else needs memory of its own. */
bool faults_pause(void); /* were they on? */
void faults_resume(bool were_on);

/* Before a turn of the loop: waits for the timers if time hurries. */
void faults_wait(void);

/* Has a call failed since the plan was made? Then less can be asserted. */
bool faults_happened(void);

#endif
