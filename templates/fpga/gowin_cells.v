// What the primitives of Gowin's devices do, before and after routing. An input that is left open is 0.
// Yosys, which proves the logic, reads only the tables and what joins them.
`timescale 1ns / 1ps
`ifdef YOSYS
`define PIN(pin) pin
`else
`define PIN(pin) (pin === 1'bz ? 1'b0 : pin)
`endif
module LUT4 (output F, input I0, input I1, input I2, input I3);
    parameter [15:0] INIT = 16'd0;
    wire [7:0] by_3 = `PIN(I3) ? INIT[15:8] : INIT[7:0];
    wire [3:0] by_2 = `PIN(I2) ? by_3[7:4] : by_3[3:0];
    wire [1:0] by_1 = `PIN(I1) ? by_2[3:2] : by_2[1:0];
    assign F = `PIN(I0) ? by_1[1] : by_1[0];
endmodule
module LUT3 (output F, input I0, input I1, input I2);
    parameter [7:0] INIT = 8'd0;
    LUT4 #(.INIT({2{INIT}})) lut (.F(F), .I0(I0), .I1(I1), .I2(I2), .I3(1'b0));
endmodule
module LUT2 (output F, input I0, input I1);
    parameter [3:0] INIT = 4'd0;
    LUT4 #(.INIT({4{INIT}})) lut (.F(F), .I0(I0), .I1(I1), .I2(1'b0), .I3(1'b0));
endmodule
module LUT1 (output F, input I0);
    parameter [1:0] INIT = 2'd0;
    LUT4 #(.INIT({8{INIT}})) lut (.F(F), .I0(I0), .I1(1'b0), .I2(1'b0), .I3(1'b0));
endmodule
module MUX2_LUT5 (output O, input I0, input I1, input S0);
    assign O = S0 ? I1 : I0;
endmodule
module MUX2_LUT6 (output O, input I0, input I1, input S0);
    assign O = S0 ? I1 : I0;
endmodule
module MUX2_LUT7 (output O, input I0, input I1, input S0);
    assign O = S0 ? I1 : I0;
endmodule
module MUX2_LUT8 (output O, input I0, input I1, input S0);
    assign O = S0 ? I1 : I0;
endmodule
module GND (output G);
    assign G = 1'b0;
endmodule
module VCC (output V);
    assign V = 1'b1;
endmodule
`ifndef YOSYS
module DFF (output reg Q, input D, input CLK);
    always @(posedge CLK) Q <= D;
endmodule
module DFFE (output reg Q, input D, input CLK, input CE);
    always @(posedge CLK) if (CE) Q <= D;
endmodule
module DFFR (output reg Q, input D, input CLK, input RESET);
    always @(posedge CLK) Q <= RESET ? 1'b0 : D;
endmodule
module DFFS (output reg Q, input D, input CLK, input SET);
    always @(posedge CLK) Q <= SET ? 1'b1 : D;
endmodule
module DFFRE (output reg Q, input D, input CLK, input CE, input RESET);
    always @(posedge CLK) if (RESET) Q <= 1'b0; else if (CE) Q <= D;
endmodule
module DFFSE (output reg Q, input D, input CLK, input CE, input SET);
    always @(posedge CLK) if (SET) Q <= 1'b1; else if (CE) Q <= D;
endmodule
module IBUF (output O, input I);
    parameter NET_I = "";
    parameter NET_O = "";
    parameter NET_BOTTOM_IO_PORT_A = "";
    parameter NET_BOTTOM_IO_PORT_B = "";
    assign O = I;
endmodule
module OBUF (output O, input I, input BOTTOM_IO_PORT_A, input BOTTOM_IO_PORT_B);
    parameter NET_I = "";
    parameter NET_O = "";
    parameter NET_BOTTOM_IO_PORT_A = "";
    parameter NET_BOTTOM_IO_PORT_B = "";
    assign O = I;
endmodule
module GOWIN_GND (output G);
    assign G = 1'b0;
endmodule
module GOWIN_VCC (output V);
    assign V = 1'b1;
endmodule
module GSR (input GSRI);
endmodule
`endif
