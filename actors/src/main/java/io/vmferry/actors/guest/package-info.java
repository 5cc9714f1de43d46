/**
 * The guest programs the project assembles itself: the assembler, the standard (self-verifying) and
 * the idle guest, and the parser of what they report on the serial port. See docs/guests.md.
 */
@NullMarked
package io.vmferry.actors.guest;

import org.jspecify.annotations.NullMarked;
