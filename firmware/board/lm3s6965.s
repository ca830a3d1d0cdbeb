// The interrupt vectors (LM3S6965 data sheet, tables 2-8 and 2-9): those of
// the processor, then those of the chip up to the last that is used.

.syntax unified

.section .text.Default_Handler
.global  Default_Handler
.type    Default_Handler, %function
Default_Handler:
    b    Default_Handler        // until the watchdog starts the board anew
.size Default_Handler, .-Default_Handler

.macro vector handler
    .weak \handler
    .set  \handler, Default_Handler
    .long \handler
.endm

.section .isr_vector, "a", %progbits
.global  __isr_vector
__isr_vector:
    .long  _stack_top
    .long  Reset_Handler
    vector NMI_Handler
    vector HardFault_Handler
    vector MemoryManagement_Handler
    vector BusFault_Handler
    vector UsageFault_Handler
    .long  0, 0, 0, 0
    vector SVC_Handler
    vector DebugMon_Handler
    .long  0
    vector PendSV_Handler
    vector SysTick_Handler
    .rept  5                    // 0 to 4: ports A to E
    .long  Default_Handler
    .endr
    vector UART0_Handler        // 5
    .rept  13
    .long  Default_Handler
    .endr
    vector TIMER0A_Handler      // 19
.size __isr_vector, .-__isr_vector
