// What the primitives of the ECP5 do, before and after routing. An input that is left open is 0.
// Yosys, which proves the logic, reads only the tables and what joins them.
`timescale 1ns / 1ps
`ifdef YOSYS
`define PIN(pin) pin
`else
`define PIN(pin) (pin === 1'bz ? 1'b0 : pin)
`endif
module LUT4 (output Z, input A, input B, input C, input D);
    parameter [15:0] INIT = 16'd0;
    wire [7:0] by_3 = `PIN(D) ? INIT[15:8] : INIT[7:0];
    wire [3:0] by_2 = `PIN(C) ? by_3[7:4] : by_3[3:0];
    wire [1:0] by_1 = `PIN(B) ? by_2[3:2] : by_2[1:0];
    assign Z = `PIN(A) ? by_1[1] : by_1[0];
endmodule
module PFUMX (output Z, input ALUT, input BLUT, input C0);
    assign Z = C0 ? ALUT : BLUT;
endmodule
module L6MUX21 (output Z, input D0, input D1, input SD);
    assign Z = SD ? D1 : D0;
endmodule
`ifndef YOSYS
module TRELLIS_FF (output reg Q, input CLK, input CE, input LSR, input DI, input M);
    parameter CEMUX = "1";
    parameter CLKMUX = "CLK";
    parameter LSRMUX = "LSR";
    parameter LSRMODE = "LSR";
    parameter SRMODE = "LSR_OVER_CE";
    parameter REGSET = "RESET";
    parameter GSR = "DISABLED";
    parameter SD = "1";
    wire enabled = CEMUX == "INV" ? CE !== 1'b1 : CEMUX == "CE" ? CE !== 1'b0 : 1'b1;
    wire cleared = LSRMUX == "INV" ? LSR === 1'b0 : LSR === 1'b1;
    // A feature that this does not model must not go unnoticed.
    always @(posedge CLK)
        if (CLKMUX == "INV" || SRMODE == "ASYNC" || LSRMODE == "PRLD") Q <= 1'bx;
        else if (cleared && (enabled || SRMODE == "LSR_OVER_CE")) Q <= REGSET == "SET";
        else if (enabled) Q <= SD == "0" ? M : DI;
endmodule
module TRELLIS_COMB (output F, output OFX, input A, input B, input C, input D, input M, input F1,
                     input FXA, input FXB);
    parameter [15:0] INITVAL = 16'd0;
    parameter MODE = "LOGIC";
    LUT4 #(.INIT(INITVAL)) lut (.Z(F), .A(A), .B(B), .C(C), .D(D));
    // The first half of a slice joins the tables of both, the second the results of two slices.
    assign OFX = F1 === 1'bz ? (M ? FXB : FXA) : (M ? F1 : F);
endmodule
module TRELLIS_IO (inout B, input I, input T, output O);
    parameter DIR = "INPUT";
    parameter DATAMUX_MDDR = "PADDO";
    parameter DATAMUX_ODDR = "PADDO";
    assign B = DIR == "OUTPUT" ? I : 1'bz;
    assign O = B;
endmodule
module DCCA (output CLKO, input CLKI, input CE);
    assign CLKO = CLKI;
endmodule
`endif
